import { type ProcessUse, type StartedSystem, useOf } from '../environment/system.ts';
import { print } from './measure.ts';

type Uses = Readonly<Record<string, ProcessUse>>;

/** What the processes of a system have used so far, and this one, which plays the clients. */
export function usesOf(system: StartedSystem): Uses {
  const pids = { ...system.pids(), client: process.pid };
  const uses = Object.entries(pids).map(([name, pid]) => [name, useOf(pid)] as const);
  return Object.fromEntries(
    uses.flatMap(([name, use]) => (use === undefined ? [] : [[name, use]])),
  );
}

/** Prints the CPU time of each process for one of `sessions` since `before`, and its peak memory. */
export function printUses(
  bench: string,
  system: StartedSystem,
  { before, sessions }: { readonly before: Uses; readonly sessions: number },
): void {
  for (const [name, use] of Object.entries(usesOf(system))) {
    const cpuMs = use.cpuMs - (before[name]?.cpuMs ?? 0);
    print({ bench, metric: `${name}_cpu_ms_per_session`, value: cpuMs / sessions, unit: 'ms' });
    print({ bench, metric: `${name}_rss_mib_max`, value: use.peakMib, unit: 'MiB' });
  }
}
