import { setTimeout as sleep } from 'node:timers/promises';

/** The only file of this package that touches the clock. */

export function nowMs(): number {
  return Date.now();
}

/** @throws the signal's reason, when it fires first. */
export async function delay(delayMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause;
  }
}

export interface Patience {
  readonly withinMs: number;
  readonly everyMs: number;
  readonly signal?: AbortSignal;
}

/** Whether `condition` came true within the given time; asked at once and then every `everyMs`. */
export async function comesTrue(
  condition: () => boolean | Promise<boolean>,
  { withinMs, everyMs, signal }: Patience,
): Promise<boolean> {
  const deadlineMs = nowMs() + withinMs;
  for (;;) {
    if (await condition()) return true;
    if (nowMs() >= deadlineMs) return false;
    await delay(everyMs, signal);
  }
}

/** Calls `task` every `everyMs` until the returned function is called; keeps no process alive. */
export function repeat(task: () => void, everyMs: number): () => void {
  const timer = setInterval(task, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
