/** A start that was predicted while the session waited, and the one that came. */
export interface Prediction {
  readonly askedAtMs: number;
  readonly predictedMs: number;
  readonly earliestMs: number;
  readonly latestMs: number;
  readonly startedAtMs: number;
}

export interface Score {
  readonly count: number;
  /** Waits that were predicted at no more than twice and no less than half of what they came to be, 0 to 1. */
  readonly withinTwice: number;
  /** Starts within the predicted range, 0 to 1. */
  readonly withinRange: number;
  /** Of how far off the starts were. */
  readonly errorP50Ms: number;
  readonly errorP95Ms: number;
}

/** Shorter waits are all the same to a person: a wait counts as at least this. */
export const SHORT_MS = 60_000;

export function scoreOf(predictions: readonly Prediction[]): Score {
  const errors = predictions
    .map(({ predictedMs, startedAtMs }) => Math.abs(predictedMs - startedAtMs))
    .sort((left, right) => left - right);
  const share = (isTrue: (prediction: Prediction) => boolean): number =>
    predictions.length === 0 ? 0 : predictions.filter(isTrue).length / predictions.length;
  const at = (part: number): number =>
    errors[Math.min(errors.length - 1, Math.floor(part * errors.length))] ?? 0;
  return {
    count: predictions.length,
    withinTwice: share(isWithinTwice),
    withinRange: share(
      ({ earliestMs, latestMs, startedAtMs }) =>
        startedAtMs >= earliestMs && startedAtMs <= latestMs,
    ),
    errorP50Ms: at(0.5),
    errorP95Ms: at(0.95),
  };
}

function isWithinTwice({ askedAtMs, predictedMs, startedAtMs }: Prediction): boolean {
  const predicted = Math.max(SHORT_MS, predictedMs - askedAtMs);
  const waited = Math.max(SHORT_MS, startedAtMs - askedAtMs);
  return predicted <= 2 * waited && waited <= 2 * predicted;
}
