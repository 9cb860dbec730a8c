import { type Bus, connectBus, createLogger, MalformedMessage, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collect, commandOf, commitOf, freshId, take, within } from '../../contract/bus/harness.ts';
import { startNats, type TestNats } from '../../environment/nats.ts';

/** What the ports cannot do is done to the server through its own API, over the live channel. */
const mischief = suite<{ nats: TestNats; bus: Bus }>('nats: a server that is tampered with');

mischief.before(async (context) => {
  context.nats = await startNats();
  const { servers, user, password } = context.nats;
  const settings = { servers: [...servers], user, password, replicas: 1, partitions: 8 };
  const logger = createLogger({ name: 'test', level: 'silent' });
  context.bus = await connectBus(settings, { name: 'test', logger });
});

mischief.after(async ({ nats, bus }) => {
  await bus[Symbol.asyncDispose]();
  await nats.stop();
});

interface ApiAnswer {
  readonly consumers?: readonly string[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly error?: unknown;
}

async function api(bus: Bus, subject: string, body: unknown = {}): Promise<ApiAnswer> {
  // The answers of the server are what its documentation says.
  const answer = (await bus.live.request(`$JS.API.${subject}`, body, 5_000)) as ApiAnswer;
  assert.is(answer.error, undefined);
  return answer;
}

mischief(
  'a follower whose consumer was deleted carries on without gap or double',
  async ({ bus }) => {
    const id = freshId();
    const stop = new AbortController();
    const { signal } = stop;
    const seen: number[] = [];
    const following = (async () => {
      const feed = bus.log.follow({ afterSequence: 0, aggregateId: id, signal });
      for await (const commits of feed) {
        seen.push(...commits.map(({ sequence }) => sequence));
        if (seen.length === 6) return;
      }
    })();
    const sequences: number[] = [];
    for (let count = 0; count < 6; count++) {
      sequences.push((await bus.log.append(commitOf(id), sequences.at(-1) ?? 0)).sequence);
      if (count % 2 === 0) continue;
      const { consumers = [] } = await api(bus, 'CONSUMER.NAMES.EVENTS');
      for (const name of consumers) await api(bus, `CONSUMER.DELETE.EVENTS.${name}`);
    }
    await within(following);
    stop.abort();
    assert.equal(seen, sequences);
  },
);

mischief(
  'a message that is no commit is skipped by followers and refused by readers',
  async ({ bus }) => {
    const id = freshId();
    const afterSequence = await bus.log.lastSequence();
    bus.live.publish(`evt.session.${id}`, 'no commit');
    await bus.flush();
    const after = await bus.log.append(commitOf(freshId()), 0);
    const stop = new AbortController();
    const [next] = await take(bus.log.follow({ afterSequence, signal: stop.signal }), 1);
    stop.abort();
    assert.is(next?.sequence, after.sequence);
    const failure = await collect(bus.log.read('session', id)).catch((error: unknown) => error);
    assert.instance(failure, MalformedMessage);
  },
);

mischief(
  'a command that is no envelope is delivered with what its subject tells',
  async ({ bus }) => {
    const id = freshId();
    const lane = bus.inbox.partitionOf('session', id);
    bus.live.publish(`inbox.${lane}.session.${id}.from.node-1`, ['no', 'envelope']);
    await bus.flush();
    const stop = new AbortController();
    const [received] = await take(bus.inbox.follow(lane, 0, stop.signal), 1);
    stop.abort();
    assert.is(received?.envelope.aggregateId, id);
    assert.equal(received?.envelope.actor, { kind: 'agent', id: 'node-1' });
    assert.type(received?.malformed, 'string');
  },
);

mischief('the name of a node in the subject wins over the one in the body', async ({ bus }) => {
  const id = freshId();
  const lane = bus.inbox.partitionOf('session', id);
  const forged = commandOf(id, { actor: { kind: 'user', id: 'root' } });
  bus.live.publish(`inbox.${lane}.session.${id}.from.node-1`, forged);
  await bus.flush();
  const stop = new AbortController();
  const received = await take(bus.inbox.follow(lane, 0, stop.signal), 1);
  stop.abort();
  const own = received.find(({ envelope }) => envelope.id === forged.id);
  assert.equal(own?.envelope.actor, { kind: 'agent', id: 'node-1' });
});

mischief(
  'a commit is found to be its own past the window in which the server drops doubles',
  async ({ bus }) => {
    const { config } = await api(bus, 'STREAM.INFO.EVENTS');
    await api(bus, 'STREAM.UPDATE.EVENTS', { ...config, duplicate_window: 100_000_000 });
    const id = freshId();
    const first = commitOf(id);
    const appended = await bus.log.append(first, 0);
    const second = await bus.log.append(commitOf(id), appended.sequence);
    await systemClock.sleep(300);
    assert.equal(await bus.log.append(first, 0), appended);
    const other = bus.log.append(commitOf(id), 0).catch((error: unknown) => error);
    assert.match(String(await other), 'RevisionConflict');
    assert.is((await collect(bus.log.read('session', id))).at(-1)?.sequence, second.sequence);
    await api(bus, 'STREAM.UPDATE.EVENTS', config);
  },
);

mischief('a snapshot that is not whole is not loaded', async ({ bus }) => {
  const id = freshId();
  const body = 'folded '.repeat(200_000);
  await bus.snapshots.save('scheduler', id, { sequence: 4, body });
  assert.is((await bus.snapshots.load('scheduler', id))?.sequence, 4);
  bus.live.publish(`snap.scheduler.${id}.2`, 'torn');
  await bus.flush();
  assert.is(await bus.snapshots.load('scheduler', id), undefined);
  await bus.snapshots.save('scheduler', id, { sequence: 5, body });
  assert.is((await bus.snapshots.load('scheduler', id))?.sequence, 5);
});

mischief('a snapshot whose head nobody can read is not loaded', async ({ bus }) => {
  const id = freshId();
  const head = { sequence: 4, firstPlace: 0, chunks: 0, digest: 'of another', body: 'folded' };
  const heads = [7, { ...head, sequence: '4' }, { ...head, body: undefined, chunks: 9999 }, head];
  for (const body of heads) {
    bus.live.publish(`snap.scheduler.${id}.0`, body);
    await bus.flush();
    assert.is(await bus.snapshots.load('scheduler', id), undefined);
  }
  await bus.snapshots.save('scheduler', id, { sequence: 5, body: 'folded' });
  assert.is((await bus.snapshots.load('scheduler', id))?.sequence, 5);
});

mischief('a piece of a snapshot that no message can hold is refused', async ({ bus }) => {
  const id = freshId();
  const body = ['x', 'y'.repeat(2_000_000)];
  const saving = bus.snapshots.save('scheduler', id, { sequence: 4, body });
  assert.instance(await saving.catch((error: unknown) => error), RangeError);
  assert.is(await bus.snapshots.load('scheduler', id), undefined);
});

mischief('connecting again changes nothing that is stored', async ({ bus, nats }) => {
  const id = freshId();
  await bus.log.append(commitOf(id), 0);
  const { servers, user, password } = nats;
  const settings = { servers: [...servers], user, password, replicas: 1, partitions: 8 };
  await using again = await connectBus(settings, { name: 'again' });
  assert.is((await collect(again.log.read('session', id))).length, 1);
});

mischief('a wrong password is refused at once', async ({ nats }) => {
  const settings = { servers: [...nats.servers], user: 'orrery', password: 'wrong' };
  const connecting = connectBus({ ...settings, replicas: 1, partitions: 8 }, { name: 'stranger' });
  assert.match(String(await within(connecting.catch((error: unknown) => error))), 'BusRefused');
});

mischief.run();
