import { fromAmounts } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Quota, QuotaScope } from '../../../gateway/client/usage-model.ts';
import { sideBySide } from '../../bench/measure.ts';
import { runOrrery } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';
import { answerOf, makeProject, makeUser } from '../../unit/gateway/directory-calls.ts';
import { callsOf } from '../gateway/cast.ts';
import { soon } from './cluster-under-test.ts';
import { type Actor, RandomOperations } from './random-operations.ts';
import { millionths, Recount } from './recount.ts';

const OPERATIONS = 10_000;
const AT_ONCE = 64;
const SOON_MS = 60_000;
const SEED = Number(process.env['ORRERY_SEED'] ?? 20261121);

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '4']);
const { client, bus } = system;
const calls = await callsOf(system);

/** Two domains with two projects each, and two people in each of them. */
async function makeActors(): Promise<readonly Actor[]> {
  await answerOf(
    calls,
    `mutation ($input: KeypairResourcePolicyInput!) {
      createKeypairResourcePolicy(name: "unlimited", input: $input) { rejection { code message } }
    }`,
    { input: { maxConcurrentSessions: 0 } },
  );
  const actors: Actor[] = [];
  for (const domain of ['physics', 'botany'])
    for (const name of ['alpha', 'beta']) {
      const project = await makeProject(calls, domain, `${domain}-${name}`);
      for (const person of ['ann', 'bob']) {
        const user = await makeUser(calls, {
          email: `${person}@${name}.${domain}.test`,
          domain,
          projects: [{ projectId: project }],
          keypairResourcePolicy: 'unlimited',
        });
        actors.push({ user, project, domain });
      }
    }
  return actors;
}

const agents = (await client.agents({ first: 10 })).edges.map(({ node }) => node.id);
const actors = await makeActors();
const groups = [...Array.from({ length: 9 }, () => 'default'), 'idle'];
const operations = new RandomOperations({ calls, client, actors, groups, agents }, SEED);

/** By owner, what the projections and the recount say of the same place in the log. */
async function bothTold(scope: QuotaScope): Promise<{
  readonly told: Readonly<Record<string, object>>;
  readonly counted: Readonly<Record<string, object>>;
}> {
  for (;;) {
    const sequence = await bus.log.lastSequence();
    const recount = await Recount.of(bus);
    const { edges } = await client.usages.quotas({ scope, first: 100 });
    const { projectedSequence } = await client.status();
    // Whatever happened meanwhile is in one of the two only.
    if ((await bus.log.lastSequence()) !== sequence || projectedSequence !== sequence) continue;
    const told = edges.map(({ node }) => [node.key, toldOf(node)] as const);
    const word = scope === 'RESOURCE_GROUP' ? 'group' : scope.toLowerCase();
    const counted = edges.map(({ node: { key } }) => {
      const owner = `${word}:${key}`;
      const sessions = scope === 'RESOURCE_GROUP' ? null : recount.sessionsOf(owner).length;
      const slots = sorted(fromAmounts(recount.held(owner)));
      return [key, { slots, sessions, waiting: recount.waitingOf(owner) }] as const;
    });
    return { told: Object.fromEntries(told), counted: Object.fromEntries(counted) };
  }
}

function toldOf({ slots, sessions, pendingSessions: waiting }: Quota): object {
  const held = slots.filter(({ occupied }) => occupied !== '0');
  const amounts = Object.fromEntries(held.map(({ slot, occupied }) => [slot, occupied]));
  return { slots: sorted(amounts), sessions, waiting };
}

function sorted(slots: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(slots).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function quiet(): Promise<void> {
  let last = -1;
  await soon(async () => {
    const before = last;
    last = await bus.log.lastSequence();
    return before === last;
  }, SOON_MS);
}

const totals = suite(`totals: after random operations of seed ${SEED}`);

totals('ten thousand of them leave what a recount of the log gives', async () => {
  const following = new AbortController();
  const live = new Map<string, Quota>();
  const follower = (async () => {
    for await (const quota of client.usages.quotasChanged({ scope: 'USER' }, following.signal))
      live.set(quota.key, quota);
  })().catch(() => undefined);
  await sideBySide(OPERATIONS, AT_ONCE, () => operations.next());
  assert.is(
    Object.values(operations.done).reduce((sum, count) => sum + count, 0),
    OPERATIONS,
  );
  await quiet();
  for (const scope of ['USER', 'PROJECT', 'DOMAIN', 'RESOURCE_GROUP'] as const) {
    const { told, counted } = await bothTold(scope);
    assert.equal(told, counted, scope);
  }
  const recount = await Recount.of(bus);
  assert.equal(recount.violations, []);
  assert.ok(recount.placements > 500, `${recount.placements} placements`);
  for (const { user } of actors) {
    const { usedSlots, sessions, pendingSessions } = await client.administration.limits({
      scope: 'KEYPAIR',
      key: user.accessKey,
    });
    const owner = `keypair:${user.accessKey}`;
    const counted = {
      sessions: recount.sessionsOf(owner).length,
      waiting: recount.waitingOf(owner),
    };
    assert.equal({ sessions, waiting: pendingSessions }, counted);
    assert.equal(sorted(usedSlots), sorted(fromAmounts(recount.held(owner))));
  }
  const { told } = await bothTold('USER');
  await soon(
    async () => [...live].every(([key, quota]) => same(toldOf(quota), told[key])),
    SOON_MS,
  );
  assert.is(live.size, Object.keys(told).length);
  following.abort();
  await follower;
});

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

totals('the time that slots were held is to the millisecond what the log says', async () => {
  await operations.endAll();
  await soon(
    async () =>
      (await client.usages.quotas({ scope: 'DOMAIN', first: 100 })).edges.every(
        ({ node }) => node.sessions === 0,
      ),
    SOON_MS,
  );
  const recount = await Recount.of(bus);
  const spoken = await runOrrery(
    system.dataDirectory,
    ...['usage', '--from', '2026-01-01', '--to', '2026-12-31', '--csv'],
    ...['day', 'user', 'project', 'domain', 'group'].flatMap((word) => ['--by', word]),
  );
  assert.is(spoken.code, 0, spoken.stderr);
  const [head, ...lines] = spoken.stdout.trimEnd().split('\r\n');
  assert.is(
    head,
    'day,domain,project_id,project_name,user_id,user_email,resource_group,slot,slot_seconds',
  );
  const told = lines.map((line) => {
    const [day, domain, project, , user, , group, slot, amount = ''] = line.split(',');
    return [[day, domain, project, user, group, slot].join('|'), millionths(amount)] as const;
  });
  const nonZero = told.filter(([, amount]) => amount !== 0n).toSorted(byKey);
  assert.equal(nonZero, [...recount.time].toSorted(byKey));
  assert.ok(nonZero.length >= 2 * actors.length);
});

function byKey([left]: readonly [string, bigint], [right]: readonly [string, bigint]): number {
  return left < right ? -1 : 1;
}

totals('tables that are built again from the log are the very same', async () => {
  const report = await client.verifyProjections();
  assert.equal([report.isEqual, report.differences], [true, []]);
});

totals.after(async () => {
  await system[Symbol.asyncDispose]();
});
totals.run();
