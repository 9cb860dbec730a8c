import { type Bus, systemClock } from '@orrery/bus';
import * as assert from 'uvu/assert';
import { type BusHarness, busSuite, commandOf, freshId, take } from './harness.ts';
import { onlyOf } from './inboxes.ts';

const SOON_MS = 300;
const MUCH_LATER_MS = 3_600_000;

/** A timer of the system may run this much ahead of its clock. */
const EARLY_MS = 2;

export function alarmContract(name: string, start: () => Promise<BusHarness>): void {
  const alarms = busSuite(`${name}: alarms`, start);

  alarms('bring their command to its aggregate at the time they are set to', async ({ bus }) => {
    const command = commandOf(freshId(), { actor: { kind: 'system', id: 'alarm' } });
    const atMs = systemClock.nowMs() + SOON_MS;
    await bus.alarms.set(command, atMs);
    const [fired] = await arrivals(bus, command.aggregateId, 1);
    assert.ok(systemClock.nowMs() >= atMs - EARLY_MS);
    assert.equal(fired, command);
  });

  alarms('fire at once when their time has passed', async ({ bus }) => {
    const command = commandOf(freshId());
    await bus.alarms.set(command, systemClock.nowMs() - 60_000);
    const [fired] = await arrivals(bus, command.aggregateId, 1);
    assert.is(fired?.id, command.id);
  });

  alarms('are moved when they are set again, earlier or later', async ({ bus }) => {
    const sooner = freshId();
    await bus.alarms.set(commandOf(sooner), systemClock.nowMs() + MUCH_LATER_MS);
    const moved = commandOf(sooner);
    await bus.alarms.set(moved, systemClock.nowMs() + SOON_MS);
    const [fired] = await arrivals(bus, sooner, 1);
    assert.is(fired?.id, moved.id);

    const later = freshId();
    await bus.alarms.set(commandOf(later), systemClock.nowMs() + SOON_MS);
    await bus.alarms.set(commandOf(later), systemClock.nowMs() + MUCH_LATER_MS);
    await assertSilent(bus, later);
  });

  alarms('do not fire once they are cleared', async ({ bus }) => {
    const id = freshId();
    await bus.alarms.set(commandOf(id), systemClock.nowMs() + SOON_MS);
    await bus.alarms.clear('session', id);
    await bus.alarms.clear('session', id);
    await assertSilent(bus, id);
  });

  alarms('can be set again after they have fired', async ({ bus }) => {
    const id = freshId();
    await bus.alarms.set(commandOf(id), systemClock.nowMs() - 1);
    await arrivals(bus, id, 1);
    const second = commandOf(id);
    await bus.alarms.set(second, systemClock.nowMs() + 1);
    const fired = await arrivals(bus, id, 2);
    assert.is(fired[1]?.id, second.id);
  });

  alarms.run();
}

async function arrivals(bus: Bus, id: string, count: number) {
  const stop = new AbortController();
  const lane = bus.inbox.partitionOf('session', id);
  const received = await take(onlyOf(bus.inbox.follow(lane, 0, stop.signal), id), count);
  stop.abort();
  return received.map(({ envelope }) => envelope);
}

/** Nothing has come to the aggregate by the time a later alarm of another one has fired. */
async function assertSilent(bus: Bus, id: string): Promise<void> {
  const witness = freshId();
  await bus.alarms.set(commandOf(witness), systemClock.nowMs() + 2 * SOON_MS);
  await arrivals(bus, witness, 1);
  const marker = commandOf(id);
  await bus.inbox.send(marker);
  const [first] = await arrivals(bus, id, 1);
  assert.is(first?.id, marker.id);
}
