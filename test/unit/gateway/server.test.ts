import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from './gateway-fixture.ts';
import { create } from './session-calls.ts';

const fixture = await startGateway();
const { app, graphql } = fixture;

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
  await create(fixture, {});
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
