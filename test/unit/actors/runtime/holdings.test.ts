import { type Bus, createLogger, createMemoryBus, SimulatedClock, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AnyAggregate } from '../../../../actors/runtime/aggregate.ts';
import { createHoldings, type Holdings } from '../../../../actors/runtime/holdings.ts';
import type { Held } from '../../../../actors/runtime/turn.ts';
import { count, countingAggregate } from './counting-aggregate.ts';

const logger = createLogger({ name: 'holdings', level: 'silent' });
const large = countingAggregate({ name: 'scheduler', folds: 'in place' });
const small = countingAggregate({ name: 'session', folds: 'into new states' });
const ID = 'main';

const newBus = (): Bus => createMemoryBus({ clock: new SimulatedClock() });
const holdingsOf = (bus: Bus, limits: { heldMax?: number; heldBytesMax?: number } = {}): Holdings =>
  createHoldings({
    bus,
    clock: systemClock,
    logger,
    heldMax: 1000,
    heldBytesMax: 100_000_000,
    ...limits,
  });

/** A bus that counts the commits which are read. */
function counting(bus: Bus): { readonly bus: Bus; commits: number } {
  const counts = {
    commits: 0,
    bus: {
      ...bus,
      log: {
        ...bus.log,
        async *read(...place: Parameters<Bus['log']['read']>) {
          for await (const commit of bus.log.read(...place)) {
            counts.commits += 1;
            yield commit;
          }
        },
      },
    },
  };
  return counts;
}

async function saved(bus: Bus, aggregate: AnyAggregate): Promise<Held> {
  const holdings = holdingsOf(bus);
  const held = await holdings.load(aggregate, ID);
  holdings.saveWhenDue(aggregate, held);
  // Settles what was begun; nothing is given up, since a bus in memory takes all pieces at once.
  await holdings.close();
  return held;
}

const snapshots = suite('holdings: snapshots');

for (const aggregate of [large, small]) {
  const { name } = aggregate;
  snapshots(`a ${name} with a long log is loaded from its snapshot and the tail`, async () => {
    const bus = newBus();
    await count(bus, { name, id: ID }, 500);
    await saved(bus, aggregate);
    await count(bus, { name, id: ID }, 20);
    const counts = counting(bus);
    const held = await holdingsOf(counts.bus).load(aggregate, ID);
    assert.is(aggregate.describe(held.state as never), '520');
    assert.is(held.revision, 520);
    assert.is(held.commandId, 'command-520');
    assert.is(held.speeches.length, 2);
    assert.ok(counts.commits < 100, `${counts.commits} commits were read`);
    await bus[Symbol.asyncDispose]();
  });

  snapshots(
    `a ${name} is loaded from its log when its snapshot is not to be believed`,
    async () => {
      const foreign = { ...aggregate, storedVersion: 2 };
      const other = { ...aggregate, schemaVersion: 2 };
      const unbelievable: readonly ((bus: Bus) => Promise<void>)[] = [
        async (bus) => void (await saved(bus, foreign)),
        async (bus) => void (await saved(bus, other)),
        (bus) => bus.snapshots.save(name, ID, { sequence: 100, body: '' }),
        (bus) => bus.snapshots.save(name, ID, { sequence: 100, body: '{"state":{"total":7}}' }),
        (bus) => bus.snapshots.save(name, ID, { sequence: 100, body: 'torn\n' }),
        (bus) =>
          bus.snapshots.save(name, ID, { sequence: 100, body: '{"format":1}\n{"total":7}\n' }),
      ];
      for (const spoil of unbelievable) {
        const bus = newBus();
        await count(bus, { name, id: ID }, 200);
        await spoil(bus);
        const held = await holdingsOf(bus).load(aggregate, ID);
        assert.is(aggregate.describe(held.state as never), '200');
        assert.is(held.revision, 200);
        await bus[Symbol.asyncDispose]();
      }
    },
  );

  snapshots(
    `a ${name} is loaded from its log when that is another one than was saved`,
    async () => {
      const [before, bus] = [newBus(), newBus()];
      await count(before, { name, id: 'someone-else' }, 1);
      await count(before, { name, id: ID }, 200);
      await saved(before, aggregate);
      const snapshot = await before.snapshots.load(name, ID);
      assert.ok(snapshot);
      await count(bus, { name, id: ID }, 300);
      for (const sequence of [snapshot?.sequence ?? 0, 200, 1_000_000]) {
        await bus.snapshots.save(name, ID, { body: snapshot?.body ?? '', sequence });
        const held = await holdingsOf(bus).load(aggregate, ID);
        // The same commits stand elsewhere in this log; only where the very commit stands it counts.
        assert.is(aggregate.describe(held.state as never), '300');
      }
      await Promise.all([before, bus].map((each) => each[Symbol.asyncDispose]()));
    },
  );
}

snapshots('nothing is asked for but the log where that is short', async () => {
  const bus = newBus();
  await count(bus, { name: 'session', id: ID }, 64);
  const snapshotless = { ...bus.snapshots, load: () => Promise.reject(new Error('asked')) };
  const held = await holdingsOf({ ...bus, snapshots: snapshotless }).load(small, ID);
  assert.is(small.describe(held.state as never), '64');
  await bus[Symbol.asyncDispose]();
});

snapshots('a snapshot is of one moment, whatever is decided while it is written', async () => {
  const bus = newBus();
  await count(bus, { name: 'scheduler', id: ID }, 100);
  const pulled = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const bodies: string[] = [];
  const slow: Bus = {
    ...bus,
    snapshots: {
      ...bus.snapshots,
      save: async (_aggregate, _id, { body }) => {
        pulled.resolve();
        await goOn.promise;
        bodies.push([...body].join(''));
      },
    },
  };
  const holdings = holdingsOf(slow);
  const held = await holdings.load(large, ID);
  holdings.saveWhenDue(large, held);
  await pulled.promise;
  held.revision = 101;
  held.unsavedCommands = 1_000_000;
  holdings.saveWhenDue(large, held);
  goOn.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  await holdings.close();
  assert.is(bodies.length, 1);
  assert.is(JSON.parse(bodies[0]?.split('\n')[0] ?? '').revision, 100);
  await bus[Symbol.asyncDispose]();
});

snapshots(
  'one that cannot be saved stops nobody, and one of a tenure that is over is given up',
  async () => {
    const bus = newBus();
    await count(bus, { name: 'scheduler', id: ID }, 100);
    const broken = holdingsOf({
      ...bus,
      snapshots: { ...bus.snapshots, save: () => Promise.reject(new Error('no')) },
    });
    const held = await broken.load(large, ID);
    broken.saveWhenDue(large, held);
    await broken.close();
    held.unsavedCommands = 100;
    broken.saveWhenDue(large, held);
    assert.is(held.unsavedCommands, 100);
    assert.is(await bus.snapshots.load('scheduler', ID), undefined);
    await bus[Symbol.asyncDispose]();
  },
);

snapshots.run();

const memory = suite('holdings: memory');

memory('holds no more aggregates than it may, and loads the others again', async () => {
  const bus = newBus();
  const holdings = holdingsOf(bus, { heldMax: 10 });
  for (let index = 0; index < 100; index++) {
    await count(bus, { name: 'session', id: `s${index}` }, 2);
    await holdings.load(small, `s${index}`);
    assert.ok(holdings.size <= 10);
  }
  assert.is(holdings.size, 10);
  assert.is(holdings.find('session', 's0'), undefined);
  assert.is(small.describe((await holdings.load(small, 's0')).state as never), '2');
  await bus[Symbol.asyncDispose]();
});

memory('holds no more bytes than it may, but always a large fold', async () => {
  const heavy = { ...small, serialise: () => [{ text: 'x'.repeat(10_000) }] };
  const bus = newBus();
  const holdings = holdingsOf(bus, { heldBytesMax: 100_000 });
  await holdings.load({ ...large, serialise: () => ['x'.repeat(1_000_000)] }, ID);
  for (let index = 0; index < 50; index++) await holdings.load(heavy, `s${index}`);
  assert.ok(holdings.size >= 4 && holdings.size <= 11, String(holdings.size));
  assert.ok(holdings.find('scheduler', ID));
  holdings.drop('scheduler', ID);
  assert.is(holdings.find('scheduler', ID), undefined);
  await bus[Symbol.asyncDispose]();
});

memory.run();
