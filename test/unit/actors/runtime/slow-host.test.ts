import {
  type Bus,
  createLogger,
  createMemoryBroker,
  imageId,
  type KeyValues,
  SimulatedClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LeaseTime } from '../../../../actors/runtime/lease-time.ts';
import { type Duty, startOwnership } from '../../../../actors/runtime/ownership.ts';
import { Stage } from './stage.ts';

const LEASE_MS = 2_000;
const logger = createLogger({ name: 'test', level: 'silent' });

const slow = suite('hosts: one that has too little of its machine');

slow('asks for longer leases when it loses them again and again, and for short ones later', () => {
  const clock = new SimulatedClock(0);
  const time = new LeaseTime(clock, LEASE_MS);
  const after = async (ms: number): Promise<number> => {
    await clock.advance(ms);
    time.lost();
    return time.ms;
  };
  return (async () => {
    assert.is(await after(0), LEASE_MS);
    assert.is(await after(10), LEASE_MS, 'several are lost together');
    assert.is(await after(5_000), 2 * LEASE_MS);
    for (let times = 0; times < 9; times++) await after(20_000);
    assert.is(time.ms, 8 * LEASE_MS);
    time.calmDown();
    assert.is(time.ms, 8 * LEASE_MS);
    for (let times = 0; times < 9; times++) {
      await clock.advance(300_000);
      time.calmDown();
    }
    assert.is(time.ms, LEASE_MS);
    assert.is(await after(0), LEASE_MS, 'one that is stopped once is not slow');
  })();
});

slow('keeps what it holds in the end', async () => {
  const clock = new SimulatedClock(0);
  const bus = createMemoryBroker({ clock, partitions: 1 }).connect();
  let begun = 0;
  const duty: Duty = async ({ signal }) => {
    begun += 1;
    await clock.sleep(3_600_000, signal).catch(() => undefined);
  };
  // Whatever it asks for takes as long as a usual lease.
  const update: KeyValues['update'] = async (...asked) => {
    await clock.sleep(LEASE_MS);
    return bus.config.update(...asked);
  };
  own(bus, { clock, config: { ...bus.config, update }, duty });
  await clock.advance(60_000);
  const early = begun;
  assert.ok(early > 1, 'it was lost at first');
  await clock.advance(200_000);
  assert.is(begun, early);
  // Now and then it tries whether short leases do again.
  await clock.advance(3_600_000);
  assert.ok(begun < early + 40, String(begun));
});

slow('begins nothing anew on top of what has not ended', async () => {
  const clock = new SimulatedClock(0);
  const bus = createMemoryBroker({ clock, partitions: 1 }).connect();
  const ends: (() => void)[] = [];
  const duty: Duty = () => new Promise((resolve) => ends.push(resolve));
  let isStanding = false;
  const update: KeyValues['update'] = (...asked) =>
    isStanding ? Promise.resolve(undefined) : bus.config.update(...asked);
  own(bus, { clock, config: { ...bus.config, update }, duty });
  await clock.advance(100);
  isStanding = true;
  await clock.advance(2 * LEASE_MS);
  isStanding = false;
  await clock.advance(10 * LEASE_MS);
  assert.is(ends.length, 1);
  ends[0]?.();
  await clock.advance(2 * LEASE_MS);
  assert.is(ends.length, 2);
});

slow('says again what may be unsaid of a few aggregates at a time, and of all', async () => {
  const stage = new Stage();
  const first = await stage.start('a');
  const images = Array.from({ length: 400 }, (_, index) => `hub/image:${index}`);
  const asked = images.map((reference) =>
    stage.ask({
      id: reference,
      aggregate: 'image',
      aggregateId: imageId(reference),
      command: { type: 'register', reference },
    }),
  );
  await stage.clock.advance(10);
  await first.kill();
  assert.ok(asked.every(({ outcome }) => outcome?.ok));
  const reads = { now: 0, most: 0, of: new Set<string>() };
  await stage.start('b', { change: (bus) => counted(bus, stage.clock, reads) });
  await stage.clock.advance(60_000);
  assert.ok(reads.most > 1 && reads.most <= 128, `${reads.most} at once`);
  assert.is(reads.of.size, images.length);
});

function own(
  bus: Bus,
  {
    clock,
    config,
    duty,
  }: { readonly clock: SimulatedClock; readonly config: KeyValues; readonly duty: Duty },
): void {
  const duties = new Map([['work', duty]]);
  const options = { config, clock, logger, host: 'slow', leaseMs: LEASE_MS, duties };
  startOwnership(options, new AbortController().signal).done.catch(() => bus.flush());
}

/** Reads of the log take a while, and it is counted how many there are at once. */
function counted(
  bus: Bus,
  clock: SimulatedClock,
  reads: { now: number; most: number; readonly of: Set<string> },
): Bus {
  return {
    ...bus,
    log: {
      ...bus.log,
      read: async function* (aggregate, id, after) {
        reads.now += 1;
        reads.most = Math.max(reads.most, reads.now);
        reads.of.add(id);
        try {
          await clock.sleep(50);
          yield* bus.log.read(aggregate, id, after);
        } finally {
          reads.now -= 1;
        }
      },
    },
  };
}

slow.run();
