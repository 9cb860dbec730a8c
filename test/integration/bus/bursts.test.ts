import { type Bus, connectBus, createLogger, RevisionConflict } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collect, commandOf, commitOf, freshId, take } from '../../contract/bus/harness.ts';
import { startNats, type TestNats } from '../../environment/nats.ts';

/** Far more than are stored one by one, so that they go in atomic batches. */
const MANY = 600;

const bursts = suite<{ nats: TestNats; bus: Bus }>('nats: many messages at once');

bursts.before(async (context) => {
  context.nats = await startNats();
  const { servers, user, password } = context.nats;
  const settings = { servers: [...servers], user, password, replicas: 1, partitions: 8 };
  const logger = createLogger({ name: 'test', level: 'silent' });
  context.bus = await connectBus(settings, { name: 'test', logger });
});

bursts.after(async ({ nats, bus }) => {
  await bus[Symbol.asyncDispose]();
  await nats.stop();
});

bursts('each commit of a burst has the place that it was told', async ({ bus }) => {
  const ids = Array.from({ length: MANY }, freshId);
  const places = await Promise.all(ids.map((id) => bus.log.append(commitOf(id), 0)));
  assert.is(new Set(places.map(({ sequence }) => sequence)).size, MANY);
  const checked = ids.filter((_, index) => index % 37 === 0);
  for (const id of checked) {
    const [recorded] = await collect(bus.log.read('session', id));
    const place = places[ids.indexOf(id)];
    assert.is(recorded?.sequence, place?.sequence);
    assert.is(recorded?.hash, place?.hash);
  }
});

bursts('one commit in conflict is refused, and all others are there', async ({ bus }) => {
  const ids = Array.from({ length: MANY }, freshId);
  const [taken = ''] = ids;
  await bus.log.append(commitOf(taken), 0);
  const outcomes = await Promise.allSettled(
    ids.map((id, index) => bus.log.append(commitOf(id), index === 1 ? 7 : 0)),
  );
  const refused = outcomes.flatMap((outcome, index) =>
    outcome.status === 'rejected' ? [{ index, reason: outcome.reason }] : [],
  );
  assert.equal(
    refused.map(({ index }) => index),
    [0, 1],
  );
  for (const { reason } of refused) assert.instance(reason, RevisionConflict);
  const [last = ''] = ids.slice(-1);
  assert.is((await collect(bus.log.read('session', last))).length, 1);
});

bursts(
  'commands of a burst arrive once and in their order, also when sent again',
  async ({ bus }) => {
    const id = freshId();
    const commands = Array.from({ length: MANY }, () => commandOf(id));
    const partition = bus.inbox.partitionOf('session', id);
    await Promise.all(commands.map((command) => bus.inbox.send(command)));
    await Promise.all(commands.map((command) => bus.inbox.send(command)));
    const end = commandOf(id);
    await bus.inbox.send(end);
    const stop = new AbortController();
    const feed = bus.inbox.follow(partition, 0, stop.signal);
    const received = await take(feed, MANY + 1);
    stop.abort();
    assert.equal(
      received.map(({ envelope }) => envelope.id),
      [...commands, end].map((command) => command.id),
    );
  },
);

bursts('what a user says does not wait for a burst of what others say', async ({ bus }) => {
  const id = freshId();
  const partition = bus.inbox.partitionOf('session', id);
  const byActor = (kind: 'user' | 'system') => ({ ...commandOf(id), actor: { kind, id: 'one' } });
  const many = Array.from({ length: 2 * MANY }, () => byActor('system'));
  const asked = byActor('user');
  await Promise.all([...many, asked].map((command) => bus.inbox.send(command)));
  const stop = new AbortController();
  const received = await take(bus.inbox.follow(partition, 0, stop.signal), 2 * MANY + 1);
  stop.abort();
  const order = received.map(({ envelope }) => envelope.id);
  assert.ok(order.indexOf(asked.id) < 2 * MANY, 'it was stored before the burst was');
  assert.equal(
    order.filter((each) => each !== asked.id),
    many.map((command) => command.id),
  );
});

bursts.run();
