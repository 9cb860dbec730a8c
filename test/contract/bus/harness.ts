import { type Bus, type CommandEnvelope, type Commit, newId, systemClock } from '@orrery/bus';
import { suite, type Test } from 'uvu';

/** One implementation under test. */
export interface BusHarness {
  /** A connection of its own; all see the same store. */
  connect(): Promise<Bus>;
  stop(): Promise<void>;
}

export interface BusContext {
  harness: BusHarness;
  bus: Bus;
}

const DEADLINE_MS = 20_000;
const POLL_MS = 10;

/** A suite whose tests get a connection; started before the first test and stopped after the last. */
export function busSuite(name: string, start: () => Promise<BusHarness>): Test<BusContext> {
  const tests = suite<BusContext>(name);
  tests.before(async (context) => {
    context.harness = await start();
    context.bus = await context.harness.connect();
  });
  tests.after(async (context) => {
    await context.bus[Symbol.asyncDispose]();
    await context.harness.stop();
  });
  return tests;
}

/** The value, or a failed test when it does not come in time. */
export async function within<Value>(
  promise: Promise<Value>,
  deadlineMs = DEADLINE_MS,
): Promise<Value> {
  const patience = new AbortController();
  const late = systemClock.sleep(deadlineMs, patience.signal).then(() => {
    throw new Error(`nothing came within ${deadlineMs} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    patience.abort();
  }
}

/** Polls until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.nowMs() + DEADLINE_MS;
  while (!(await condition())) {
    if (systemClock.nowMs() > deadlineMs) throw new Error('it did not come true in time');
    await systemClock.sleep(POLL_MS);
  }
}

/** The first `count` things of a feed, with the rest of its last array. */
export async function take<Item>(
  feed: AsyncIterable<readonly Item[]>,
  count: number,
): Promise<readonly Item[]> {
  const taken: Item[] = [];
  const read = async (): Promise<void> => {
    for await (const items of feed) {
      taken.push(...items);
      if (taken.length >= count) return;
    }
  };
  await within(read());
  return taken;
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** An id that no other test uses. */
export function freshId(): string {
  return newId(systemClock.nowMs());
}

export function commitOf(aggregateId: string, changes: Partial<Commit> = {}): Commit {
  return {
    id: freshId(),
    aggregate: 'session',
    aggregateId,
    firstRevision: 1,
    schemaVersion: 1,
    recordedAtMs: 1_000,
    actor: { kind: 'system', id: 'test' },
    commandId: 'command',
    commandType: 'enqueue',
    inboxSequence: 0,
    previousHash: '',
    events: [{ type: 'session-preparing' }],
    ...changes,
  };
}

export function commandOf(
  aggregateId: string,
  changes: Partial<CommandEnvelope> = {},
): CommandEnvelope {
  return {
    id: freshId(),
    aggregate: 'session',
    aggregateId,
    actor: { kind: 'user', id: 'test' },
    sentAtMs: 1_000,
    command: { type: 'terminate', mode: 'graceful', reason: 'test' },
    ...changes,
  };
}
