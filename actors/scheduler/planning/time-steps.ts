const FACTOR_MIN = 1.03;

/** Moments after now to which what happens is put off, so that much is looked at together. */
export interface TimeSteps {
  /** The first of them that is not before. */
  next(atMs: number): number;
  /** What a step stands for: the middle between the one before and itself. Any other moment as it is. */
  middle(atMs: number): number;
}

/** Moments after now, as far from each other as that. */
export function evenSteps(nowMs: number, stepMs: number): TimeSteps {
  const next = (atMs: number): number =>
    atMs <= nowMs || atMs === Infinity
      ? atMs
      : nowMs + Math.ceil((atMs - nowMs) / stepMs - 0.001) * stepMs;
  return {
    next,
    middle: (atMs) => (atMs <= nowMs || next(atMs) !== atMs ? atMs : atMs - stepMs / 2),
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
