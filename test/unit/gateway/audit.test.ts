import { newId, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LOG_READINGS_MAX } from '../../../gateway/audit/log-readings.ts';
import { startGateway } from './gateway-fixture.ts';

const fixture = await startGateway();
const { app, bus, gateway, graphql } = fixture;

const VERIFY = `query ($entity: String, $since: DateTime) {
  verifyAudit(entity: $entity, since: $since) {
    isWhole commits aggregates lastSequence witnessedSequence faults { kind entity entityId revision }
  }
}`;

interface Verified {
  readonly isWhole: boolean;
  readonly commits: number;
  readonly faults: readonly object[];
}

async function verify(variables: object = {}): Promise<Verified> {
  const { body } = await graphql(VERIFY, variables);
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  return body.data?.['verifyAudit'] as Verified;
}

/** Registers somebody of a role and gives the header with their token. */
async function signedInAs(role: string): Promise<Record<string, string>> {
  const id = newId(systemClock.nowMs());
  const profile = {
    email: `${role}@example.test`,
    username: role,
    role,
    domain: 'default',
    projectId: 'default',
  };
  const command = { type: 'register', profile, passwordHash: '$scrypt$1' };
  const outcome = await bus.inbox.request(
    {
      id: newId(systemClock.nowMs()),
      aggregate: 'user',
      aggregateId: id,
      actor: { kind: 'system', id: 'test' },
      sentAtMs: systemClock.nowMs(),
      command,
    },
    AbortSignal.timeout(10_000),
  );
  assert.ok(outcome.ok, JSON.stringify(outcome));
  await gateway.progress.reached(outcome.sequence, AbortSignal.timeout(10_000));
  const { token } = gateway.tokens().issue({ userId: id, accessKey: undefined });
  return { authorization: `Bearer ${token}` };
}

async function createSession(headers?: Record<string, string>): Promise<string> {
  const { body } = await graphql(
    'mutation { createSession(input: {}) { session { id } rejection { message } } }',
    {},
    headers,
  );
  const payload = body.data?.['createSession'] as { readonly session: { readonly id: string } };
  return payload.session.id;
}

interface Line {
  readonly sequence: number;
  readonly aggregate: string;
  readonly aggregateId: string;
  readonly recordedAtMs: number;
}

async function replay(
  query: Readonly<Record<string, string>> = {},
  headers: Record<string, string> = { authorization: `Bearer ${fixture.token}` },
) {
  const response = await app.inject({ url: `/replay?${new URLSearchParams(query)}`, headers });
  const isGiven = response.statusCode === 200;
  const lines: readonly Line[] = isGiven
    ? response.body
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
    : [];
  return { response, lines, sequences: lines.map(({ sequence }) => sequence) };
}

const auditing = suite('gateway: audit');

auditing('the log that the deciders wrote is whole, as a whole and in each part', async () => {
  const id = await createSession();
  await gateway.progress.reached(await bus.log.lastSequence(), AbortSignal.timeout(10_000));
  const whole = await verify();
  assert.equal([whole.isWhole, whole.faults], [true, []]);
  const one = await verify({ entity: `session:${id}` });
  assert.ok(one.isWhole && one.commits >= 1 && one.commits < whole.commits);
  const since = new Date(systemClock.nowMs() + 3_600_000).toISOString();
  assert.is((await verify({ since })).commits, 0);
});

auditing('only superadmins and monitors may verify; everybody signed in may replay', async () => {
  for (const [role, code] of [
    ['user', 'FORBIDDEN'],
    ['monitor', undefined],
  ] as const) {
    const headers = await signedInAs(role);
    const { body } = await graphql(VERIFY, {}, headers);
    assert.is(body.errors?.[0]?.extensions['code'], code);
    const { response, lines } = await replay({}, headers);
    assert.is(response.statusCode, 200, response.body);
    // A user has no session yet: nothing of others is shown.
    assert.is(lines.length > 0, role === 'monitor');
  }
  assert.is((await replay({}, {})).response.statusCode, 401);
});

auditing('a user replays the commits of their own sessions and no others', async () => {
  const headers = await signedInAs('user');
  const own = await createSession(headers);
  const others = await createSession();
  const { lines } = await replay({}, headers);
  assert.ok(lines.length > 0);
  assert.ok(lines.every(({ aggregateId }) => aggregateId === own));
  assert.equal((await replay({ entity: `session:${others}` }, headers)).lines, []);
  assert.equal((await replay({ entity: 'scheduler:main' }, headers)).lines, []);
});

auditing('a replay gives each commit once, in order, between two places', async () => {
  const id = await createSession();
  const last = await bus.log.lastSequence();
  const all = await replay({ to: String(last) });
  assert.is(all.response.headers['content-type'], 'application/x-ndjson');
  assert.equal(
    all.sequences,
    Array.from({ length: last }, (_, index) => index + 1),
  );
  assert.equal((await replay({ from: '3', to: '5' })).sequences, [3, 4, 5]);
  assert.equal((await replay({ from: '1', after: '4', to: '6' })).sequences, [5, 6]);
  const own = await replay({ entity: `session:${id}` });
  assert.ok(own.lines.length > 0);
  assert.ok(own.lines.every(({ aggregateId }) => aggregateId === id));
});

auditing('a replay between two times gives what was recorded then', async () => {
  const all = (await replay()).lines;
  const middle = all[Math.floor(all.length / 2)]?.recordedAtMs ?? 0;
  const time = new Date(middle).toISOString();
  const since = (await replay({ from: time, to: String(all.length) })).lines;
  const until = (await replay({ to: time })).lines;
  assert.equal(
    since.map(({ sequence }) => sequence),
    all.filter(({ recordedAtMs }) => recordedAtMs >= middle).map(({ sequence }) => sequence),
  );
  assert.ok(until.every(({ recordedAtMs }) => recordedAtMs <= middle));
});

auditing(
  'an end that is neither a place nor a time is refused, as is an unknown kind',
  async () => {
    for (const [name, value] of [
      ['from', 'noon'],
      ['to', '-1'],
      ['after', 'x'],
      ['entity', 'planet:1'],
    ] as const) {
      const { response } = await replay({ [name]: value });
      assert.is(response.statusCode, 400, name);
      assert.is(response.json().error_code, 'INPUT_INVALID');
    }
  },
);

auditing('no more read the log from end to end at once than there are places', async () => {
  const held = Array.from({ length: LOG_READINGS_MAX }, () => gateway.readings.begin());
  const { response } = await replay();
  assert.is(response.statusCode, 503, response.body);
  const { body } = await graphql(VERIFY);
  assert.is(body.errors?.[0]?.extensions['code'], 'UNAVAILABLE');
  for (const reading of held) reading[Symbol.dispose]();
  assert.is((await replay()).response.statusCode, 200);
});

auditing(
  'the cluster at a time has what was there then, and nothing before all began',
  async () => {
    const query = `query ($time: DateTime!) {
    clusterAt(time: $time) { time sequence sessionsByStatus agents { id status } allocations { sessionId } }
  }`;
    const now = await graphql(query, { time: new Date(systemClock.nowMs()).toISOString() });
    assert.is(now.body.errors, undefined, JSON.stringify(now.body.errors));
    const moment = now.body.data?.['clusterAt'] as { agents: readonly object[] };
    assert.is(moment.agents.length, 1);
    const time = '2000-01-01T00:00:00.000Z';
    const before = await graphql(query, { time });
    assert.equal(before.body.data?.['clusterAt'], {
      time,
      sequence: 0,
      sessionsByStatus: {},
      agents: [],
      allocations: [],
    });
  },
);

auditing.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
auditing.run();
