import { SimulatedClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  authorization,
  SIGNED_PROTOCOL_VERSION,
  signature,
} from '../../../gateway/auth/signing.ts';
import { createTokens, TOKEN_MS } from '../../../gateway/auth/tokens.ts';
import { administrator, startGateway } from './gateway-fixture.ts';
import { IMAGE, NODE } from './simulated-agent.ts';

const fixture = await startGateway();
const { app, graphql } = fixture;

function signedHeaders(options: {
  readonly method: string;
  readonly target: string;
  readonly atMs?: number;
  readonly secretKey?: string;
  readonly accessKey?: string;
}): Record<string, string> {
  const { method, target, atMs = fixture.gateway.clock.nowMs() } = options;
  const date = new Date(atMs).toISOString();
  const host = 'gateway.test:8090';
  const contentType = 'application/json';
  const parts = { method, target, date, host, contentType, version: SIGNED_PROTOCOL_VERSION };
  return {
    host,
    date,
    'content-type': contentType,
    'x-backendai-version': SIGNED_PROTOCOL_VERSION,
    authorization: authorization(
      options.accessKey ?? administrator.accessKey,
      signature(options.secretKey ?? administrator.secretKey, parts),
    ),
  };
}

const CREATE = `mutation ($input: CreateSessionInput!) {
  createSession(input: $input) {
    isCreated
    session { id name status owner { email } kernels { hostname image status } requestedSlots accessKey }
    rejection { code field message }
  }
}`;

interface Created {
  readonly isCreated: boolean;
  readonly session: { readonly id: string; readonly name: string; readonly status: string } | null;
  readonly rejection: { readonly code: string; readonly field: string | null } | null;
}

async function create(input: object): Promise<Created> {
  const { body } = await graphql(CREATE, { input });
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  return body.data?.['createSession'] as Created;
}

const signingIn = suite('gateway: signing in');

signingIn('with e-mail address and password gives a token that works', async () => {
  const query = `mutation ($email: String!, $password: String!) {
    signIn(email: $email, password: $password) { token expiresAt user { role } rejection { code } }
  }`;
  const { email, password } = administrator;
  const { body } = await graphql(query, { email, password }, {});
  const payload = body.data?.['signIn'] as { token: string; expiresAt: string; user: object };
  assert.equal(payload.user, { role: 'superadmin' });
  const viewer = await graphql(
    '{ viewer { email } }',
    {},
    { authorization: `Bearer ${payload.token}` },
  );
  assert.equal(viewer.body.data, { viewer: { email } });
});

signingIn(
  'with a wrong password and with an unknown address is refused in the same words',
  async () => {
    const query = (email: string): string =>
      `mutation { signIn(email: "${email}", password: "wrong") { token rejection { code message field } } }`;
    const wrong = await graphql(query(administrator.email), {}, {});
    const unknown = await graphql(query('nobody@example.test'), {}, {});
    assert.equal(wrong.body.data, unknown.body.data);
    assert.match(JSON.stringify(wrong.body.data), /credentials-wrong/);
  },
);

signingIn('by a signed request gives a token that carries the access key', async () => {
  const headers = signedHeaders({ method: 'POST', target: '/auth/token' });
  const response = await app.inject({ method: 'POST', url: '/auth/token', headers, payload: '{}' });
  assert.is(response.statusCode, 200, response.body);
  const { token, expiresAt } = response.json();
  assert.ok(Date.parse(expiresAt) > fixture.gateway.clock.nowMs());
  const bearer = { authorization: `Bearer ${token}` };
  const { body } = await graphql(CREATE, { input: { name: 'by-access-key' } }, bearer);
  assert.match(JSON.stringify(body), new RegExp(`"accessKey":"${administrator.accessKey}"`));
});

const HOUR_MS = 3_600_000;
const wrongCredentials = [
  ['an expired date', { atMs: 0 }, 401, 'SIGNATURE_EXPIRED'],
  ['another secret key', { secretKey: 'x'.repeat(40) }, 401, 'SIGNATURE_MISMATCH'],
  ['an unknown access key', { accessKey: 'AKIAXXXXXXXXXXXXXXXX' }, 401, 'ACCESS_KEY_UNKNOWN'],
] as const;
for (const [what, change, status, code] of wrongCredentials) {
  signingIn(
    `by a signature with ${what} is refused as ${code}, for GraphQL and REST alike`,
    async () => {
      const nowMs = fixture.gateway.clock.nowMs();
      const atMs = 'atMs' in change ? nowMs - HOUR_MS : nowMs;
      for (const url of ['/graphql', '/auth/token']) {
        const headers = signedHeaders({ method: 'POST', target: url, ...change, atMs });
        const response = await app.inject({
          method: 'POST',
          url,
          headers,
          payload: '{"query":"{ viewer { id } }"}',
        });
        assert.is(response.statusCode, status, response.body);
        assert.is(response.json().error_code, code);
        assert.match(response.json().type, /^https:\/\/api\.backend\.ai\/probs\//);
      }
    },
  );
}

signingIn('is asked for when it is missing, and a strange header is told so', async () => {
  const anonymous = await graphql('{ viewer { id } }', {}, {});
  assert.is(anonymous.status, 401);
  assert.is(anonymous.body.errors?.[0]?.extensions['code'], 'UNAUTHENTICATED');
  const strange = await graphql('{ viewer { id } }', {}, { authorization: 'Basic Zm9v' });
  assert.is(strange.status, 400);
  assert.is(strange.body.error_code, 'AUTHORIZATION_MALFORMED');
  const forged = await graphql('{ viewer { id } }', {}, { authorization: 'Bearer a.b.c' });
  assert.is(forged.status, 401);
  assert.is(forged.body.error_code, 'TOKEN_INVALID');
  const rest = await app.inject({ method: 'POST', url: '/auth/token', payload: {} });
  assert.is(rest.statusCode, 401);
});

signingIn('lasts twelve hours, and no token without our signature is taken', async () => {
  const clock = new SimulatedClock(fixture.gateway.clock.nowMs());
  const tokens = createTokens(app.jwt, clock);
  const holder = { userId: '0190b0c8-0000-7000-8000-000000000001', accessKey: undefined };
  const { token } = tokens.issue(holder);
  assert.equal(tokens.verify(token), holder);
  const [, payload] = token.split('.');
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
  assert.throws(() => tokens.verify(unsigned), /not one of this gateway/);
  await clock.advance(TOKEN_MS);
  assert.throws(() => tokens.verify(token), /has expired/);
});

signingIn.run();

const creating = suite('gateway: creating sessions');

creating('a session runs, with its default image, and can be read at once', async () => {
  const { session, isCreated } = await create({});
  assert.is(isCreated, true);
  assert.match(session?.name ?? '', /^session-[0-9a-f]{8}$/);
  const query =
    'query ($id: ID!) { session(id: $id) { id image kernels { agentId image } owner { email } } }';
  const { body } = await graphql(query, { id: session?.id });
  const found = body.data?.['session'] as { image: string; owner: object };
  assert.is(found.image, IMAGE);
  assert.equal(found.owner, { email: administrator.email });
});

creating(
  'the same idempotency key gives the same session, and refuses another request',
  async () => {
    const first = await create({ idempotencyKey: 'key-1', cpu: '0.5' });
    const second = await create({ idempotencyKey: 'key-1', cpu: '0.5' });
    assert.is(first.session?.id, second.session?.id);
    assert.equal([first.isCreated, second.isCreated], [true, false]);
    const third = await create({ idempotencyKey: 'key-1', cpu: '0.6' });
    assert.equal(third.rejection?.code, 'idempotency-key-reused');
    assert.is(third.rejection?.field, 'idempotencyKey');
    assert.is(third.session, null);
  },
);

creating('somebody else is not given a session by their idempotency key', async () => {
  await create({ idempotencyKey: 'key-of-admin' });
  const { body } = await graphql(
    CREATE,
    { input: { idempotencyKey: 'key-of-admin' } },
    await otherUser(),
  );
  const payload = body.data?.['createSession'] as Created | undefined;
  assert.is(payload?.rejection?.code, 'idempotency-key-reused');
});

creating('an unknown image and bad resources are refused by name', async () => {
  const unknown = await create({ image: 'no/such:1' });
  assert.equal([unknown.rejection?.code, unknown.rejection?.field], ['image-unknown', 'image']);
  const greedy = await create({ cpu: '0' });
  assert.equal([greedy.rejection?.code, greedy.rejection?.field], ['resources-invalid', 'cpu']);
});

creating('another project than the own one is forbidden to a user', async () => {
  const { status, body } = await graphql(
    CREATE,
    { input: { projectId: 'another' } },
    await otherUser(),
  );
  assert.is(status, 403);
  assert.is(body.errors?.[0]?.extensions['code'], 'FORBIDDEN');
});

let otherUserToken: string | undefined;

/** Headers of a user without any rights over others. */
async function otherUser(): Promise<Record<string, string>> {
  if (otherUserToken === undefined) {
    const { gateway } = fixture;
    const userId = '0190b0c8-0000-7000-8000-000000000777';
    const profile = {
      email: 'other@example.test',
      username: 'other',
      role: 'user',
      domain: 'default',
      projectId: 'default',
    };
    const command = { type: 'register', profile, passwordHash: 'none' };
    const { outcome } = await gateway.commands.request(
      {
        aggregate: 'user',
        aggregateId: userId,
        actor: { kind: 'system', id: 'test' },
        traceparent: undefined,
        command,
      },
      AbortSignal.timeout(5_000),
    );
    assert.ok(outcome.ok);
    await gateway.progress.reached(outcome.ok ? outcome.sequence : 0, AbortSignal.timeout(5_000));
    otherUserToken = gateway.tokens().issue({ userId, accessKey: undefined }).token;
  }
  return { authorization: `Bearer ${otherUserToken}` };
}

creating.run();

const owning = suite("gateway: somebody else's things");

owning('a session of somebody else is not found, not listed and not ended', async () => {
  const { session } = await create({});
  const headers = await otherUser();
  const id = session?.id;
  const one = await graphql('query ($id: ID!) { session(id: $id) { id } }', { id }, headers);
  assert.equal(one.body.data, { session: null });
  const all = await graphql('{ sessions { totalCount } }', {}, headers);
  assert.equal(all.body.data, { sessions: { totalCount: 0 } });
  const end =
    'mutation ($id: ID!) { terminateSession(input: { id: $id }) { rejection { code field } } }';
  const ended = await graphql(end, { id }, headers);
  assert.equal(ended.body.data, {
    terminateSession: { rejection: { code: 'session-not-found', field: 'id' } },
  });
});

owning('what only operators may do is forbidden to a user', async () => {
  const query = 'mutation { registerImage(input: { reference: "a/b:1" }) { image { id } } }';
  const { status, body } = await graphql(query, {}, await otherUser());
  assert.is(status, 403);
  assert.is(body.errors?.[0]?.extensions['code'], 'FORBIDDEN');
});

owning.run();

const reading = suite('gateway: reading and ending');

reading('a running session is terminated and its past can be asked for', async () => {
  const { session } = await create({});
  const id = session?.id;
  const end = `mutation ($id: ID!) {
    terminateSession(input: { id: $id, mode: FORCE }) { session { status statusInfo } rejection { code } }
  }`;
  const { body } = await graphql(end, { id });
  const payload = body.data?.['terminateSession'] as { session: { status: string } };
  assert.match(payload.session.status, /^(CANCELLED|TERMINATING|TERMINATED)$/);
  const at = 'query ($id: ID!, $time: DateTime!) { sessionAt(id: $id, time: $time) { status } }';
  const before = await graphql(at, { id, time: '2020-01-01T00:00:00Z' });
  assert.equal(before.body.data, { sessionAt: null });
  const now = new Date(fixture.gateway.clock.nowMs()).toISOString();
  const after = await graphql(at, { id, time: now });
  assert.ok(after.body.data?.['sessionAt']);
});

reading('lists, agents, images, the audit log and the status are there', async () => {
  const { body } = await graphql(`{
    sessions(first: 2) { totalCount edges { cursor node { id owner { id } kernels { id } } } pageInfo { hasNextPage } }
    agents { edges { node { id status availableSlots } } }
    images { edges { node { reference isDefault agentIds } } }
    auditLog(entity: "node:${NODE}") { edges { node { entity entityId actor commandType recordedAt events } } }
    status { version logSequence projectedSequence startedAt }
  }`);
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  const { images, agents, auditLog } = body.data as Record<string, { edges: { node: object }[] }>;
  assert.equal(images?.edges[0]?.node, { reference: IMAGE, isDefault: true, agentIds: [NODE] });
  assert.is(agents?.edges.length, 1);
  assert.match(
    JSON.stringify(auditLog?.edges[0]?.node),
    /"actor":"agent:node-a","commandType":"register"/,
  );
});

reading('a list looks up its kernels together, and no owner who is known', async () => {
  await graphql(CREATE, { input: {} }, await otherUser());
  fixture.projections.reads.length = 0;
  await graphql('{ sessions(first: 20) { edges { node { owner { id } kernels { id } } } } }');
  const lookups = fixture.projections.reads.filter((read) => /^(users|kernels)/.test(read));
  // Both owners were seen a moment ago.
  assert.is(lookups.length, 1, JSON.stringify(lookups));
  assert.match(lookups[0] ?? '', /^kernels/);
});

reading('an image is registered and can be read at once', async () => {
  const query = `mutation ($reference: String!) {
    registerImage(input: { reference: $reference }) { image { reference } rejection { code field } }
  }`;
  const good = await graphql(query, { reference: 'docker.io/library/python:3.13' });
  assert.match(JSON.stringify(good.body.data), /"reference":"docker.io\/library\/python:3.13"/);
  const bad = await graphql(query, { reference: 'Not An Image' });
  assert.equal(bad.body.data, {
    registerImage: { image: null, rejection: { code: 'image-invalid', field: 'reference' } },
  });
});

reading('an id that is none finds nothing', async () => {
  const { body } = await graphql('{ session(id: "not-an-id") { id } }');
  assert.equal(body.data, { session: null });
});

reading.run();

const refusing = suite('gateway: bad requests');

refusing('malformed JSON, no query and a strange media type have clear errors', async () => {
  const headers = { authorization: `Bearer ${fixture.token}`, 'content-type': 'application/json' };
  const post = (payload: string, more = {}) =>
    app.inject({ method: 'POST', url: '/graphql', headers: { ...headers, ...more }, payload });
  const malformed = await post('{"query": ');
  assert.equal([malformed.statusCode, malformed.json().error_code], [400, 'BODY_MALFORMED']);
  assert.match(malformed.json().msg, /JSON/);
  const empty = await post('{}');
  assert.equal([empty.statusCode, empty.json().error_code], [400, 'BODY_MALFORMED']);
  const strange = await post('x', { 'content-type': 'application/x-strange' });
  assert.equal([strange.statusCode, strange.json().error_code], [415, 'MEDIA_TYPE_UNSUPPORTED']);
  const large = await post(JSON.stringify({ query: 'x'.repeat(1_100_000) }));
  assert.equal([large.statusCode, large.json().error_code], [413, 'BODY_TOO_LARGE']);
});

refusing(
  'a query that is no GraphQL, asks for unknown fields or is too deep is told which',
  async () => {
    const code = async (query: string): Promise<unknown> =>
      (await graphql(query)).body.errors?.[0]?.extensions['code'];
    assert.is(await code('{ viewer {'), 'QUERY_INVALID');
    assert.is(await code('{ nothing }'), 'QUERY_INVALID');
    const deep = `{ session(id: "x") ${'{ kernels '.repeat(100)}{ id }${' }'.repeat(100)} }`;
    assert.is(await code(deep), 'QUERY_TOO_DEEP');
  },
);

refusing('no answer carries a stack trace', async () => {
  const { body } = await graphql('{ auditLog(entity: "what") { totalCount } }');
  assert.is(body.errors?.[0]?.extensions['field'], 'entity');
  assert.not.match(JSON.stringify(body), /\.ts:|node_modules/);
});

refusing('an unknown path is told as a problem document', async () => {
  const response = await app.inject({ url: '/nothing/here' });
  assert.is(response.statusCode, 404);
  assert.match(String(response.headers['content-type']), /^application\/problem\+json/);
  assert.is(response.json().error_code, 'ROUTE_NOT_FOUND');
});

refusing.run();

const looking = suite('gateway: its state');

looking('health, readiness, metrics and the GraphiQL page need nobody signed in', async () => {
  assert.is((await app.inject({ url: '/healthz' })).statusCode, 200);
  const ready = await app.inject({ url: '/readyz' });
  assert.equal([ready.statusCode, ready.body], [200, 'ready\n']);
  const metrics = await app.inject({ url: '/metrics' });
  assert.match(
    metrics.body,
    /orrery_gateway_operation_seconds_count\{operation="Mutation.createSession",outcome="ok"\}/,
  );
  for (const url of ['/graphiql', '/graphiql/main.js', '/graphiql/config.js'])
    assert.is((await app.inject({ url })).statusCode, 200, url);
  assert.is((await app.inject({ url: '/graphiql/passwd' })).statusCode, 404);
});

looking.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
looking.run();
