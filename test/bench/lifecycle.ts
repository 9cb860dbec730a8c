import type { SessionEvent } from '@orrery/bus';
import { type StartedSystem, startSystem } from '../environment/system.ts';
import { monotonicMs, print, sideBySide, tell } from './measure.ts';
import { printUses, usesOf } from './process-uses.ts';
import { storesOf } from './stores.ts';
import { betweenYardsticks } from './yardsticks.ts';

const CONNECTIONS = 96;
/** Sessions before the measured ones, so that code is compiled and caches are filled. */
const WARM_UP = 500;

/** Whole sessions a second, from create through the gateway to TERMINATED; every process is real. */
export async function lifecycle({
  nodes,
  sessions,
}: {
  readonly nodes: number;
  readonly sessions: number;
}): Promise<void> {
  await betweenYardsticks('lifecycle', { withDocker: false }, async () => {
    await using system = await startSystem([
      '--driver',
      'simulated',
      '--simulated-nodes',
      String(nodes),
    ]);
    await live(system, WARM_UP);
    const before = usesOf(system);
    const storesBefore = await storesOf(system.settings.bus);
    const afterSequence = await system.bus.log.lastSequence();
    const startMs = monotonicMs();
    const over = allOver(system, { sessions, afterSequence });
    await create(system, sessions);
    const acceptedMs = monotonicMs() - startMs;
    await over;
    const totalMs = monotonicMs() - startMs;
    const bench = 'lifecycle';
    print({ bench, metric: 'sessions_per_s', value: (sessions / totalMs) * 1000, unit: '1/s' });
    print({ bench, metric: 'creates_per_s', value: (sessions / acceptedMs) * 1000, unit: '1/s' });
    await printStores(system, storesBefore, sessions);
    printUses(bench, system, { before, sessions });
  });
}

/** What one session makes JetStream store, checkpoints and timers that fell into the time included. */
async function printStores(
  { settings }: StartedSystem,
  before: ReadonlyMap<string, number>,
  sessions: number,
): Promise<void> {
  const bench = 'lifecycle';
  let all = 0;
  for (const [stream, count] of await storesOf(settings.bus)) {
    const value = (count - (before.get(stream) ?? 0)) / sessions;
    all += value;
    print({ bench, metric: `stores_per_session.${stream}`, value, unit: '1' });
  }
  print({ bench, metric: 'stores_per_session', value: all, unit: '1' });
}

async function live(system: StartedSystem, sessions: number): Promise<void> {
  const afterSequence = await system.bus.log.lastSequence();
  await Promise.all([allOver(system, { sessions, afterSequence }), create(system, sessions)]);
}

async function create({ client }: StartedSystem, sessions: number): Promise<void> {
  await sideBySide(sessions, CONNECTIONS, async () => {
    await client.createSession({ type: 'BATCH', command: ['true'], cpu: '0.1', memory: '16m' });
  });
}

/** `afterSequence` is where the log ended before the first of them was created: none is missed. */
async function allOver(
  { bus }: StartedSystem,
  { sessions, afterSequence }: { readonly sessions: number; readonly afterSequence: number },
): Promise<void> {
  const stop = new AbortController();
  const ended = { terminated: 0, otherwise: 0 };
  const following = bus.log.follow({
    afterSequence,
    aggregate: 'session',
    signal: stop.signal,
  });
  for await (const commits of following) {
    for (const { events } of commits) {
      for (const event of events as readonly SessionEvent[]) {
        if (event.type === 'session-terminated') ended.terminated += 1;
        if (event.type === 'session-failed' || event.type === 'session-cancelled')
          ended.otherwise += 1;
      }
    }
    if (ended.terminated + ended.otherwise >= sessions) break;
  }
  stop.abort();
  tell(`${ended.terminated} ended TERMINATED, ${ended.otherwise} otherwise`);
  if (ended.otherwise > 0) throw new Error(`${ended.otherwise} sessions did not end TERMINATED`);
}
