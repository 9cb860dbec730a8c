import type { SessionEvent } from '@orrery/bus';
import { type ProcessUse, type StartedSystem, startSystem, useOf } from '../environment/system.ts';
import { monotonicMs, print, sideBySide, tell } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const CONNECTIONS = 32;
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
    const own = process.cpuUsage();
    const startMs = monotonicMs();
    const over = allOver(system, sessions);
    await create(system, sessions);
    const acceptedMs = monotonicMs() - startMs;
    await over;
    const totalMs = monotonicMs() - startMs;
    const bench = 'lifecycle';
    print({ bench, metric: 'sessions_per_s', value: (sessions / totalMs) * 1000, unit: '1/s' });
    print({ bench, metric: 'creates_per_s', value: (sessions / acceptedMs) * 1000, unit: '1/s' });
    const { user, system: kernel } = process.cpuUsage(own);
    const ownMs = (user + kernel) / 1000;
    print({ bench, metric: 'client_cpu_ms_per_session', value: ownMs / sessions, unit: 'ms' });
    for (const [name, use] of Object.entries(usesOf(system))) {
      const cpuMs = use.cpuMs - (before[name]?.cpuMs ?? 0);
      print({ bench, metric: `${name}_cpu_ms_per_session`, value: cpuMs / sessions, unit: 'ms' });
      print({ bench, metric: `${name}_rss_mib_max`, value: use.peakMib, unit: 'MiB' });
    }
  });
}

async function live(system: StartedSystem, sessions: number): Promise<void> {
  await Promise.all([allOver(system, sessions), create(system, sessions)]);
}

async function create({ client }: StartedSystem, sessions: number): Promise<void> {
  await sideBySide(sessions, CONNECTIONS, async () => {
    await client.createSession({ type: 'BATCH', command: ['true'], cpu: '0.1', memory: '16m' });
  });
}

async function allOver({ bus }: StartedSystem, sessions: number): Promise<void> {
  const stop = new AbortController();
  const ended = { terminated: 0, otherwise: 0 };
  const following = bus.log.follow({
    afterSequence: await bus.log.lastSequence(),
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

function usesOf(system: StartedSystem): Readonly<Record<string, ProcessUse>> {
  const uses = Object.entries(system.pids()).map(([name, pid]) => [name, useOf(pid)] as const);
  return Object.fromEntries(
    uses.flatMap(([name, use]) => (use === undefined ? [] : [[name, use]])),
  );
}
