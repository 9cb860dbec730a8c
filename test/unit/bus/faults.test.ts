import {
  type Bus,
  createMemoryBroker,
  type Faults,
  type Hop,
  type MemoryBroker,
  SimulatedClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collect, commandOf, commitOf, freshId, take } from '../../contract/bus/harness.ts';

const faulty = suite('memory bus: faults, deaths and virtual time');

function brokerWith(faults: Faults): {
  readonly clock: SimulatedClock;
  readonly broker: MemoryBroker;
  readonly bus: Bus;
} {
  const clock = new SimulatedClock(1_000_000);
  const broker = createMemoryBroker({ clock, faults });
  return { clock, broker, bus: broker.connect() };
}

const only =
  (kind: Hop['kind'], delaysMs: readonly number[]): NonNullable<Faults['deliveries']> =>
  (hop) =>
    hop.kind === kind ? delaysMs : [0];

faulty('a lost message to a stream fails for its sender and is not there', async () => {
  const { bus } = brokerWith({ deliveries: only('append', []) });
  const commit = commitOf(freshId());
  const failure = await bus.log.append(commit, 0).catch((error: unknown) => error);
  assert.match(String(failure), 'BusUnavailable');
  assert.equal(await collect(bus.log.read('session', commit.aggregateId)), []);
});

faulty(
  'a lost acknowledgement fails for the sender although the commit is there, once',
  async () => {
    let isLost = true;
    const { bus } = brokerWith({ isAcknowledgementLost: () => isLost });
    const commit = commitOf(freshId());
    const failure = await bus.log.append(commit, 0).catch((error: unknown) => error);
    assert.match(String(failure), 'BusUnavailable');
    isLost = false;
    const { sequence } = await bus.log.append(commit, 0);
    const commits = await collect(bus.log.read('session', commit.aggregateId));
    assert.equal(
      commits.map((recorded) => recorded.sequence),
      [sequence],
    );
  },
);

faulty('a doubled command is met twice', async () => {
  const { bus, clock } = brokerWith({ deliveries: only('command', [0, 50]) });
  const command = commandOf(freshId());
  await bus.inbox.send(command);
  await clock.advance(50);
  const stop = new AbortController();
  const lane = bus.inbox.partitionOf('session', command.aggregateId);
  const met = await take(bus.inbox.follow(lane, 0, stop.signal), 2);
  assert.equal(
    met.map(({ envelope }) => envelope.id),
    [command.id, command.id],
  );
});

faulty('commands that are delayed differently overtake each other', async () => {
  const delaysMs = [30, 10];
  const deliveries: Faults['deliveries'] = ({ kind }) =>
    kind === 'command' ? [delaysMs.shift() ?? 0] : [0];
  const { bus, clock } = brokerWith({ deliveries });
  const id = freshId();
  const [first, second] = [commandOf(id), commandOf(id)];
  const sent = Promise.all([bus.inbox.send(first), bus.inbox.send(second)]);
  await clock.advance(30);
  await sent;
  const stop = new AbortController();
  const met = await take(bus.inbox.follow(bus.inbox.partitionOf('session', id), 0, stop.signal), 2);
  assert.equal(
    met.map(({ envelope }) => envelope.id),
    [second.id, first.id],
  );
});

faulty('an alarm fires at its virtual time, also when its setter is dead', async () => {
  const { bus, broker, clock } = brokerWith({});
  const command = commandOf(freshId());
  await bus.alarms.set(command, clock.nowMs() + 86_400_000);
  await bus[Symbol.asyncDispose]();
  const other = broker.connect();
  const lane = other.inbox.partitionOf('session', command.aggregateId);
  const stop = new AbortController();
  const seenAtMs: number[] = [];
  const following = (async () => {
    for await (const commands of other.inbox.follow(lane, 0, stop.signal))
      seenAtMs.push(...commands.map(() => clock.nowMs()));
  })();
  await clock.advance(2 * 86_400_000);
  assert.equal(seenAtMs, [1_000_000 + 86_400_000]);
  stop.abort();
  await following;
});

faulty('a lease is free when its time to live is over', async () => {
  const { bus, clock } = brokerWith({});
  const revision = await bus.config.create('lease', 'a', 1_500);
  await clock.advance(1_999);
  assert.is(await bus.config.create('lease', 'b', 1_500), undefined);
  await clock.advance(1);
  assert.ok(((await bus.config.create('lease', 'b', 1_500)) ?? 0) > (revision ?? 0));
});

faulty('what is under way when a connection dies fails for its owner', async () => {
  const { bus, broker, clock } = brokerWith({ deliveries: only('append', [100]) });
  const commit = commitOf(freshId());
  const appending = bus.log.append(commit, 0).catch((error: unknown) => error);
  await bus[Symbol.asyncDispose]();
  await clock.advance(100);
  assert.match(String(await appending), 'BusUnavailable');
  const stored = await collect(broker.connect().log.read('session', commit.aggregateId));
  assert.is(stored.length, 1, 'the message was on its way and arrived');
});

faulty('a lost reply leaves the request waiting until its signal fires', async () => {
  const { bus, clock } = brokerWith({ deliveries: only('reply', []) });
  const command = commandOf(freshId());
  const stop = new AbortController();
  const asked = bus.inbox.request(command, stop.signal).catch((error: unknown) => error);
  const lane = bus.inbox.partitionOf('session', command.aggregateId);
  const [met] = await take(bus.inbox.follow(lane, 0, stop.signal), 1);
  bus.inbox.reply(met?.envelope.replyTo ?? '', { ok: true, revision: 1, sequence: 1 });
  await clock.advance(60_000);
  const reason = new Error('late');
  stop.abort(reason);
  assert.is(await asked, reason);
});

faulty.run();
