import { createLogger, createMemoryBroker, SimulatedClock, subjects } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LogFeed } from '../../../gateway/feed/log-feed.ts';
import { END_WAIT_MS_MAX, OwnWrites } from '../../../gateway/feed/own-writes.ts';
import { Progress } from '../../../gateway/feed/progress.ts';
import { startGateway } from './gateway-fixture.ts';
import { create, otherUser } from './session-calls.ts';

const fixture = await startGateway();
const others = await otherUser(fixture);
const second = await fixture.beside();

const FIND = 'query ($id: ID!) { session(id: $id) { id } }';
const LIST = '{ sessions(first: 100) { edges { node { id } } } }';
const END = `mutation ($id: ID!) {
  terminateSession(input: { id: $id, mode: FORCE }) { session { id } rejection { code } }
}`;

const reading = suite('gateway: own writes');

const reads = [
  ['found', FIND, (id: string) => ({ session: { id } })],
  ['listed', LIST, undefined],
  ['ended', END, (id: string) => ({ terminateSession: { session: { id }, rejection: null } })],
] as const;

for (const [where, gateway] of [
  ['the same gateway', fixture],
  ['another gateway', second],
] as const) {
  for (const [how, query, expected] of reads) {
    reading(`a session is ${how} on ${where} right after its create was answered`, async () => {
      const release = fixture.projections.hold();
      const { session } = await create(fixture, {});
      const id = session?.id ?? 'none';
      let isAnswered = false;
      const answer = gateway.graphql(query, { id }).then(({ body }) => {
        isAnswered = true;
        return body;
      });
      const stranger = await gateway.graphql(FIND, { id }, others);
      assert.equal(stranger.body.data, { session: null }, 'nobody else waits');
      assert.not.ok(isAnswered, 'the caller waits for the projections');
      release();
      const { data, errors } = await answer;
      assert.is(errors, undefined, JSON.stringify(errors));
      if (expected === undefined) assert.ok(JSON.stringify(data).includes(id));
      else assert.equal(data, expected(id));
    });
  }

  reading(`a replay on ${where} has the create, however far the projections are`, async () => {
    const release = fixture.projections.hold();
    const { session } = await create(fixture, {});
    const headers = { authorization: `Bearer ${fixture.token}` };
    const url = `/replay?entity=session:${session?.id}`;
    const { body } = await gateway.app.inject({ url, headers });
    assert.match(body, /"commandType":"enqueue"/);
    release();
  });
}

reading('the answer of a create holds the whole session, from its own commit', async () => {
  const release = fixture.projections.hold();
  const { session } = await create(fixture, { name: 'from-the-commit' });
  release();
  assert.equal(
    [session?.name, session?.status, session?.owner.email, session?.kernels[0]?.hostname],
    ['from-the-commit', 'PENDING', 'admin@example.test', 'main1'],
  );
});

reading.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
reading.run();

const outage = suite('own writes: during an outage');

outage('a read goes on without knowing where the log ends, after a limit', async () => {
  const clock = new SimulatedClock();
  const logger = createLogger({ name: 'test', level: 'silent' });
  const closing = new AbortController();
  const bus = createMemoryBroker({ clock }).connect();
  const log = { ...bus.log, lastSequence: () => new Promise<number>(() => {}) };
  const feed = new LogFeed({ log, clock, logger });
  const checkpoint = async (): Promise<number> => 0;
  const { signal } = closing;
  const progress = new Progress({ live: bus.live, checkpoint, clock, logger, closing: signal });
  const running = progress.run();
  const writes = new OwnWrites({ log, feed, progress, clock, logger });
  let isReadable = false;
  writes.note('user-a', 7);
  const other = writes.readable('user-b', signal);
  const own = writes.readable('user-a', signal).then(() => {
    isReadable = true;
  });
  await clock.advance(END_WAIT_MS_MAX);
  await other;
  assert.not.ok(isReadable, 'what this gateway answered is waited for all the same');
  bus.live.publish(subjects.projected, { sequence: 7 });
  await own;
  closing.abort();
  await running;
});

outage.run();
