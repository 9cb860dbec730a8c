/** A figure as it is printed: one JSON object a line. */
export interface Figure {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

export function print(figure: Figure): void {
  const value = Math.round(figure.value * 1000) / 1000;
  process.stdout.write(`${JSON.stringify({ ...figure, value })}\n`);
}

/** A line for the person who watches; never part of the results. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Milliseconds on a clock that only moves on. */
export function monotonicMs(): number {
  return performance.now();
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = monotonicMs();
  await work();
  return monotonicMs() - startMs;
}

/** @throws when there are no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new Error('a percentile of nothing');
  return value;
}

/** Does `count` things, at most `width` of them at once. */
export async function sideBySide(
  count: number,
  width: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lanes = Array.from({ length: Math.min(width, count) }, async () => {
    while (next < count) await work(next++);
  });
  await Promise.all(lanes);
}
