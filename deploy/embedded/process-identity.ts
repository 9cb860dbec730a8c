import { readFileSync } from 'node:fs';
import { comesTrue } from './clock.ts';

const KILLED_WITHIN_MS = 5_000;

/** A process for certain: its number alone may be given to another one later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since boot. */
  readonly startTicks: string;
}

/** Undefined when no process has this number. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold blanks; field 3 follows the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    const startTicks = fields[19];
    return startTicks === undefined || state === 'Z' ? undefined : { pid, startTicks };
  } catch {
    return undefined;
  }
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTicks === identity.startTicks;
}

export function parseIdentity(value: unknown): ProcessIdentity | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('pid' in value) || !('startTicks' in value)) return undefined;
  const { pid, startTicks } = value;
  return typeof pid === 'number' && typeof startTicks === 'string'
    ? { pid, startTicks }
    : undefined;
}

/** Sends a signal and waits; kills what has not ended by then. */
export async function endProcess(
  identity: ProcessIdentity,
  { signal, withinMs }: { readonly signal: NodeJS.Signals; readonly withinMs: number },
): Promise<void> {
  if (!isAlive(identity)) return;
  process.kill(identity.pid, signal);
  if (await comesTrue(() => !isAlive(identity), { withinMs, everyMs: 10 })) return;
  process.kill(identity.pid, 'SIGKILL');
  await comesTrue(() => !isAlive(identity), { withinMs: KILLED_WITHIN_MS, everyMs: 10 });
}
