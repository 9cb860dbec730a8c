import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from './gateway-fixture.ts';
import { CREATE } from './session-calls.ts';

const BURST = 1_000;
const COMMANDS_WAITING_MAX = 40;
const APPEND_MS = 200;

const overload = suite('gateway: many creates at once');

overload('a thousand are all accepted', async () => {
  await using fixture = await startGateway();
  const answers = await Promise.all(
    Array.from({ length: BURST }, () => fixture.graphql(CREATE, { input: {} })),
  );
  const ids = answers.map(({ body }) => JSON.stringify(body.data).match(/"id":"([^"]+)"/)?.[1]);
  assert.is(new Set(ids).size, BURST);
  assert.ok(answers.every(({ status, body }) => status === 200 && body.errors === undefined));
});

overload('those above the limit are told when to ask again, the others are there', async () => {
  // A disk that takes its time: more are asked for than are done.
  await using fixture = await startGateway({
    commandsWaitingMax: COMMANDS_WAITING_MAX,
    faults: { deliveries: ({ kind }) => [kind === 'append' ? APPEND_MS : 0] },
  });
  const headers = { authorization: `Bearer ${fixture.token}` };
  const answers = await Promise.all(
    Array.from({ length: COMMANDS_WAITING_MAX * 3 }, (_, index) =>
      fixture.app.inject({
        method: 'POST',
        url: '/graphql',
        headers,
        payload: { query: CREATE, variables: { input: { name: `session-${index}` } } },
      }),
    ),
  );
  const refused = answers.filter(({ statusCode }) => statusCode === 503);
  const accepted = answers.filter(({ statusCode }) => statusCode === 200);
  assert.is(refused.length + accepted.length, answers.length);
  assert.ok(refused.length > 0 && accepted.length > 0);
  for (const answer of refused) {
    assert.is(answer.headers['retry-after'], '1');
    const { code, isRetryable, retryAfterMs } = answer.json().errors[0].extensions;
    assert.equal([code, isRetryable, retryAfterMs], ['OVERLOADED', true, 1_000]);
  }
  const { body } = await fixture.graphql('{ sessions(first: 1) { totalCount } }');
  assert.equal(body.data, { sessions: { totalCount: accepted.length } });
});

overload.run();
