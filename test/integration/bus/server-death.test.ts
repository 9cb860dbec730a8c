import { type Bus, connectBus, createLogger, type RecordedCommit } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  collect,
  commandOf,
  commitOf,
  freshId,
  take,
  until,
  within,
} from '../../contract/bus/harness.ts';
import { startNats, type TestNats } from '../../environment/nats.ts';

const death = suite<{ nats: TestNats; bus: Bus }>('nats: a server that dies and comes back');

death.before(async (context) => {
  context.nats = await startNats();
  context.bus = await connect(context.nats);
});

death.after(async ({ nats, bus }) => {
  await bus[Symbol.asyncDispose]();
  await nats.stop();
});

function connect({ servers, user, password }: TestNats): Promise<Bus> {
  const settings = { servers: [...servers], user, password, replicas: 1, partitions: 8 };
  const logger = createLogger({ name: 'test', level: 'silent' });
  return connectBus(settings, { name: 'test', logger });
}

death('followers carry on without gap or double, behind what they have seen', async (context) => {
  const { bus, nats } = context;
  const id = freshId();
  const stop = new AbortController();
  const seen: RecordedCommit[] = [];
  const following = (async () => {
    const feed = bus.log.follow({ afterSequence: 0, aggregateId: id, signal: stop.signal });
    for await (const commits of feed) seen.push(...commits);
  })();
  const sequences: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let count = 0; count < 10; count++) {
      const { sequence } = await bus.log.append(commitOf(id), sequences.at(-1) ?? 0);
      sequences.push(sequence);
    }
    await nats.kill('SIGKILL');
    await nats.restart();
  }
  await bus.log.append(commitOf(id), sequences.at(-1) ?? 0);
  await until(() => seen.length > sequences.length);
  assert.equal(
    seen.slice(0, -1).map(({ sequence }) => sequence),
    sequences,
  );
  stop.abort();
  await within(following);
});

death('an append under way is neither lost nor doubled nor refused', async ({ bus, nats }) => {
  const id = freshId();
  let isOver = false;
  let sequence = 0;
  let appended = 0;
  const writing = (async () => {
    while (!isOver) {
      ({ sequence } = await bus.log.append(
        commitOf(id, { firstRevision: appended + 1 }),
        sequence,
      ));
      appended += 1;
    }
  })();
  for (let round = 0; round < 3; round++) {
    const before = appended;
    await until(() => appended > before + 20);
    await nats.kill('SIGKILL');
    await nats.restart();
  }
  isOver = true;
  await within(writing);
  const commits = await collect(bus.log.read('session', id));
  assert.equal(
    commits.map(({ firstRevision }) => firstRevision),
    Array.from({ length: appended }, (_, index) => index + 1),
  );
});

death('a request whose answer was lost is answered again', async ({ bus, nats }) => {
  const other = await connect(nats);
  const command = commandOf(freshId());
  const lane = bus.inbox.partitionOf('session', command.aggregateId);
  const stop = new AbortController();
  const asked = other.inbox.request(command, stop.signal);
  await take(bus.inbox.follow(lane, 0, stop.signal), 1);
  await nats.kill('SIGKILL');
  await nats.restart();
  const serving = (async () => {
    for await (const commands of bus.inbox.follow(lane, 0, stop.signal))
      for (const { envelope, sequence } of commands)
        if (envelope.id === command.id && envelope.replyTo !== undefined)
          bus.inbox.reply(envelope.replyTo, { ok: true, revision: 1, sequence });
  })();
  assert.is((await within(asked)).ok, true);
  stop.abort();
  await within(serving);
  await other[Symbol.asyncDispose]();
});

death('alarms, leases and snapshots are still there', async ({ bus, nats }) => {
  const alarm = commandOf(freshId());
  const key = freshId();
  await bus.alarms.set(alarm, alarm.sentAtMs);
  await bus.config.create(key, 'held', 60_000);
  await bus.snapshots.save('session', key, { sequence: 3, body: 'folded' });
  await nats.kill('SIGKILL');
  await nats.restart();
  assert.is(await bus.config.create(key, 'taken', 60_000), undefined);
  assert.equal(await bus.snapshots.load('session', key), { sequence: 3, body: 'folded' });
  const stop = new AbortController();
  const lane = bus.inbox.partitionOf('session', alarm.aggregateId);
  // The lane may hold commands of other tests before it.
  const fires = async (): Promise<boolean> => {
    for await (const commands of bus.inbox.follow(lane, 0, stop.signal))
      if (commands.some(({ envelope }) => envelope.aggregateId === alarm.aggregateId)) return true;
    return false;
  };
  assert.ok(await within(fires()));
  stop.abort();
});

death('a live subscription hears what is said after the break', async ({ bus, nats }) => {
  const subject = `live.${freshId()}`;
  const stop = new AbortController();
  const messages = bus.live.subscribe(subject, stop.signal);
  await nats.kill('SIGKILL');
  await nats.restart();
  await bus.flush();
  bus.live.publish(subject, 1);
  const next = await within(messages[Symbol.asyncIterator]().next());
  assert.is(next.value?.body, 1);
  stop.abort();
});

death('a machine whose clock was set back an hour is connected again at once', async (context) => {
  const { bus, nats } = context;
  const trueNowMs = Date.now;
  try {
    Date.now = () => trueNowMs() - 60 * 60_000;
    await nats.kill('SIGKILL');
    await nats.restart();
    await within(bus.flush());
  } finally {
    Date.now = trueNowMs;
  }
});

death.run();
