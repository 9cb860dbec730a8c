import { readFileSync, writeFileSync } from 'node:fs';
import { type Bus, type Commit, createLogger, createMemoryBus, SimulatedClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHoldings } from '../../../actors/runtime/holdings.ts';
import { linesOf } from '../../../actors/runtime/stored-held.ts';
import { schedulerAggregate } from '../../../actors/scheduler/aggregate.ts';
import type { SchedulerState } from '../../../actors/scheduler/state.ts';
import { serialise } from '../../../actors/scheduler/stored-state.ts';

const LOG = new URL('../../golden/log-v1.ndjson', import.meta.url);
/** Never rewritten when the shape changes: it stands for the snapshots that are out there. */
const SNAPSHOT = new URL('../../golden/snapshot-scheduler-v1.json', import.meta.url);
const ID = 'main';

const clock = new SimulatedClock();
const logger = createLogger({ name: 'golden', level: 'silent' });

/** The recorded log on a bus, as far as the given place. */
async function recorded(upTo: number): Promise<Bus> {
  const bus = createMemoryBus({ clock });
  const newest = new Map<string, number>();
  for (const line of readFileSync(LOG, 'utf8').trim().split('\n').slice(0, upTo)) {
    const { subject, body } = JSON.parse(line);
    const commit: Commit = JSON.parse(body);
    const { sequence } = await bus.log.append(commit, newest.get(subject) ?? 0);
    newest.set(subject, sequence);
  }
  return bus;
}

const loaded = (bus: Bus) =>
  createHoldings({ bus, clock, logger, heldMax: 10, heldBytesMax: 1_000_000 }).load(
    schedulerAggregate,
    ID,
  );

const storedState = (state: unknown): string =>
  JSON.stringify([...serialise(state as SchedulerState)]);

const golden = suite('contracts: the recorded snapshot of version 1');

golden('gives the state that the recorded log gives, or is not believed', async () => {
  // In the middle, so that a tail follows it.
  const [bus, part] = await Promise.all([recorded(Number.POSITIVE_INFINITY), recorded(30)]);
  if (process.env['ORRERY_WRITE_GOLDEN'] === '1') {
    const held = await loaded(part);
    const body = [...linesOf(schedulerAggregate, held)].join('');
    writeFileSync(SNAPSHOT, `${JSON.stringify({ sequence: held.sequence, body }, undefined, 2)}\n`);
  }
  const fromLog = await loaded(bus);
  await bus.snapshots.save('scheduler', ID, JSON.parse(readFileSync(SNAPSHOT, 'utf8')));
  const fromSnapshot = await loaded(bus);
  assert.is(storedState(fromSnapshot.state), storedState(fromLog.state));
  const { revision, hash, sequence, inboxSequence, commandId } = fromLog;
  assert.is(fromSnapshot.revision, revision);
  assert.is(fromSnapshot.hash, hash);
  assert.is(fromSnapshot.sequence, sequence);
  assert.is(fromSnapshot.inboxSequence, inboxSequence);
  assert.is(fromSnapshot.commandId, commandId);
  assert.equal(fromSnapshot.speeches, fromLog.speeches);
  for (const each of [bus, part]) await each[Symbol.asyncDispose]();
});

golden.run();
