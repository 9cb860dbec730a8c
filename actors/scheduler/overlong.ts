import type { SchedulerState } from './state.ts';

/**
 * Whoever holds slots is asked whether it is over: its word may have been lost with two hosts at once. First so long
 * after its start and up to as much later, so that those who started together are not asked together,
 */
const ASKED_AFTER_MS = 600_000;
/** and then again and again. */
const ASKED_EVERY_MS = 3_600_000;
/** Moments of asking, so that there are few of them. */
const STEP_MS = 600_000;

type State = Pick<SchedulerState, 'allocations' | 'asksAtMs'>;

/** When it is asked next, if one more has got its slots. */
export function askingWith({ asksAtMs }: Pick<State, 'asksAtMs'>, startedAtMs: number): number {
  return Math.min(asksAtMs, Math.ceil((startedAtMs + ASKED_AFTER_MS) / STEP_MS) * STEP_MS);
}

/** The same after it was asked; Infinity when nobody holds anything. */
export function askingAfter({ allocations }: Pick<State, 'allocations'>, atMs: number): number {
  if (allocations.size === 0) return Number.POSITIVE_INFINITY;
  return (Math.floor(atMs / STEP_MS) + 1) * STEP_MS;
}

/** Those whose moment came within the last step. */
export function askedNow(
  { allocations, asksAtMs }: State,
  nowMs: number,
): readonly { readonly session: string; readonly attempt: number }[] {
  if (asksAtMs > nowMs) return [];
  const upToMs = Math.floor(nowMs / STEP_MS) * STEP_MS;
  const due: { readonly session: string; readonly attempt: number }[] = [];
  for (const { session, attempt, startedAtMs } of allocations.values()) {
    const sinceFirstMs = upToMs - firstAskedAtMs(session, startedAtMs);
    if (sinceFirstMs >= 0 && sinceFirstMs % ASKED_EVERY_MS < STEP_MS)
      due.push({ session, attempt });
  }
  return due;
}

function firstAskedAtMs(session: string, startedAtMs: number): number {
  const spread = Number.parseInt(session.slice(-4), 16) / 0x1_00_00;
  return startedAtMs + ASKED_AFTER_MS + ASKED_AFTER_MS * spread;
}
