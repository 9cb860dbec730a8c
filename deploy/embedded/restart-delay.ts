/** A process that ran this long counts as sound again. */
export const STEADY_MS = 10_000;

export const RESTART_DELAY_MS_MAX = 10_000;
const RESTART_DELAY_MS_FIRST = 100;

/** How long to wait before a restart, after so many restarts without a steady run: none at first. */
export function restartDelayMs(restartsBefore: number): number {
  if (restartsBefore === 0) return 0;
  return Math.min(RESTART_DELAY_MS_FIRST * 2 ** (restartsBefore - 1), RESTART_DELAY_MS_MAX);
}
