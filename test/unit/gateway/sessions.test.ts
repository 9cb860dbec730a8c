import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { administrator, startGateway } from './gateway-fixture.ts';
import { CREATE, type Created, create, endMany, otherUser } from './session-calls.ts';
import { IMAGE, NODE } from './simulated-agent.ts';

const fixture = await startGateway();
const { graphql } = fixture;

const creating = suite('gateway: creating sessions');

creating('a session runs, with its default image, and can be read at once', async () => {
  const { session, isCreated } = await create(fixture, {});
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
    const first = await create(fixture, { idempotencyKey: 'key-1', cpu: '0.5' });
    const second = await create(fixture, { idempotencyKey: 'key-1', cpu: '0.5' });
    assert.is(first.session?.id, second.session?.id);
    assert.equal([first.isCreated, second.isCreated], [true, false]);
    const third = await create(fixture, { idempotencyKey: 'key-1', cpu: '0.6' });
    assert.equal(third.rejection?.code, 'idempotency-key-reused');
    assert.is(third.rejection?.field, 'idempotencyKey');
    assert.is(third.session, null);
  },
);

creating('a key of somebody else is refused, and shows nothing of their session', async () => {
  const input = { idempotencyKey: 'key-of-admin', tag: 'a-secret-tag' };
  const { session } = await create(fixture, input);
  const headers = await otherUser(fixture);
  for (const asked of [input, { ...input, cpu: '0.7' }, { idempotencyKey: 'key-of-admin' }]) {
    const { body } = await graphql(CREATE, { input: asked }, headers);
    const payload = body.data?.['createSession'] as Created | undefined;
    assert.is(payload?.rejection?.code, 'idempotency-key-reused');
    assert.equal([payload?.session, payload?.isCreated], [null, false]);
    const text = JSON.stringify(body);
    for (const told of [session?.id ?? 'none', session?.name ?? 'none', 'a-secret-tag'])
      assert.not.ok(text.includes(told), text);
  }
});

creating('an unknown image and bad resources are refused by name', async () => {
  const unknown = await create(fixture, { image: 'no/such:1' });
  assert.equal([unknown.rejection?.code, unknown.rejection?.field], ['image-unknown', 'image']);
  const greedy = await create(fixture, { cpu: '0' });
  assert.equal([greedy.rejection?.code, greedy.rejection?.field], ['resources-invalid', 'cpu']);
});

creating('a project that the user does not belong to is as good as none', async () => {
  const { body } = await graphql(
    CREATE,
    { input: { projectId: 'another' } },
    await otherUser(fixture),
  );
  const { createSession } = body.data as { createSession: { rejection: { code: string } } };
  assert.is(createSession.rejection.code, 'project-not-found');
});

creating.run();

const owning = suite("gateway: somebody else's things");

owning('a session of somebody else is not found, not listed and not ended', async () => {
  const { session } = await create(fixture, {});
  const headers = await otherUser(fixture);
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

owning('of many sessions to end, those of somebody else are as good as none', async () => {
  const { session: theirs } = await create(fixture, {});
  const headers = await otherUser(fixture);
  const made = await graphql(CREATE, { input: {} }, headers);
  const own = made.body.data?.['createSession'] as Created;
  const ids = [theirs?.id, own.session?.id, 'nonsense'];
  const payload = await endMany(fixture, { ids }, headers);
  assert.equal(payload.sessionIds, [own.session?.id]);
  const refused = payload.refused.map(({ sessionId, rejection }) => [sessionId, rejection.code]);
  assert.equal(refused, [
    [theirs?.id, 'session-not-found'],
    ['nonsense', 'session-not-found'],
  ]);
  const { sessionIds } = await endMany(fixture, { filter: {} }, headers);
  assert.not.ok(sessionIds.includes(theirs?.id ?? ''));
});

owning('what only operators may do is forbidden to a user', async () => {
  const query = 'mutation { registerImage(input: { reference: "a/b:1" }) { image { id } } }';
  const { status, body } = await graphql(query, {}, await otherUser(fixture));
  assert.is(status, 403);
  assert.is(body.errors?.[0]?.extensions['code'], 'FORBIDDEN');
});

owning.run();

const reading = suite('gateway: reading and ending');

reading('a running session is terminated and its past can be asked for', async () => {
  const { session } = await create(fixture, {});
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

reading('many sessions are ended by their ids, or by a filter, and not by both', async () => {
  const made = [await create(fixture, {}), await create(fixture, {}), await create(fixture, {})];
  const ids = made.map(({ session }) => session?.id ?? '');
  const two = ids.slice(0, 2);
  const first = await endMany(fixture, { ids: [...two, ids[0]], mode: 'FORCE' });
  assert.equal(
    [first.sessionIds.toSorted(), first.refused, first.hasMore],
    [two.toSorted(), [], false],
  );
  const { sessionIds } = await endMany(fixture, { filter: { isLive: true } });
  assert.ok(sessionIds.includes(ids[2] ?? ''));
  const query = 'query ($id: ID!) { session(id: $id) { status } }';
  for (const id of ids) {
    const { body } = await graphql(query, { id });
    const session = body.data?.['session'] as { status: string } | undefined;
    assert.match(session?.status ?? '', /^(CANCELLED|TERMINATING|TERMINATED)$/);
  }
});

reading('a call that ends many says what is wrong with it', async () => {
  const tooMany = Array.from({ length: 1001 }, () => 'x');
  const inputs = [{}, { ids: [], filter: {} }, { ids: tooMany }, { filter: { ownerId: 'x' } }];
  const fields: unknown[] = [];
  for (const input of inputs) {
    const { rejection } = await endMany(fixture, input);
    fields.push([rejection?.code, rejection?.field]);
  }
  assert.equal(fields, [
    ['input-invalid', 'ids'],
    ['input-invalid', 'ids'],
    ['input-invalid', 'ids'],
    ['input-invalid', 'filter.ownerId'],
  ]);
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
  await graphql(CREATE, { input: {} }, await otherUser(fixture));
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
  // As engines write it, so that what nodes say of it is said of the same image.
  assert.match(JSON.stringify(good.body.data), /"reference":"python:3.13"/);
  const bad = await graphql(query, { reference: 'Not An Image' });
  assert.equal(bad.body.data, {
    registerImage: { image: null, rejection: { code: 'image-invalid', field: 'reference' } },
  });
});

reading('an id that is none finds nothing', async () => {
  const { body } = await graphql('{ session(id: "not-an-id") { id } }');
  assert.equal(body.data, { session: null });
});

reading.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
reading.run();
