const FACTOR_MIN = 1.03;

/** Moments after now, each further from the one before by the same factor: near ones are told apart better. */
export interface TimeSteps {
  /** The first of them that is not before. */
  next(atMs: number): number;
  /** What a step stands for: the middle between the one before and itself. Any other moment as it is. */
  middle(atMs: number): number;
}

export interface Span {
  /** The first step after now, and a late one. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** So many steps at most from the first to the last. */
  readonly stepsMax: number;
}

/** Whatever happens between two of the steps happens at the second. */
export function timeSteps(nowMs: number, { firstMs, lastMs, stepsMax }: Span): TimeSteps {
  const factor = Math.max(FACTOR_MIN, (lastMs / firstMs) ** (1 / stepsMax));
  const next = (atMs: number): number => {
    if (atMs <= nowMs || atMs === Infinity) return atMs;
    // A thousandth less, so that a step is not taken for what comes after it.
    const steps = Math.ceil(Math.log((atMs - nowMs) / firstMs) / Math.log(factor) - 0.001);
    return nowMs + Math.round(firstMs * factor ** Math.max(0, steps));
  };
  return {
    next,
    middle: (atMs) => {
      if (atMs <= nowMs || next(atMs) !== atMs) return atMs;
      return nowMs + ((atMs - nowMs) * (1 + 1 / factor)) / 2;
    },
  };
}
