const FACTOR_MIN = 1.03;

/**
 * Moments after now to the nearest of which what happens is moved, so that much is looked at together. Nearest, not
 * next: what is put off again with each session that follows another comes too late in the end.
 */
export interface TimeSteps {
  nearest(atMs: number): number;
}

/** Moments after now, as far from each other as that. */
export function evenSteps(nowMs: number, stepMs: number): TimeSteps {
  return {
    nearest: (atMs) =>
      atMs <= nowMs || atMs === Infinity
        ? atMs
        : nowMs + Math.max(1, Math.round((atMs - nowMs) / stepMs)) * stepMs,
  };
}

export interface Span {
  /** The first step after now, and a late one. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** So many steps at most from the first to the last. */
  readonly stepsMax: number;
}

/** Each is further from now than the one before by the same factor: near ones are told apart better. */
export function timeSteps(nowMs: number, { firstMs, lastMs, stepsMax }: Span): TimeSteps {
  const factor = Math.max(FACTOR_MIN, (lastMs / firstMs) ** (1 / stepsMax));
  return {
    nearest: (atMs) => {
      if (atMs <= nowMs || atMs === Infinity) return atMs;
      const steps = Math.round(Math.log((atMs - nowMs) / firstMs) / Math.log(factor));
      return nowMs + Math.round(firstMs * factor ** Math.max(0, steps));
    },
  };
}
