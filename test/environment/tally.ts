/** How many tests a run had. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const emptyTally: Tally = { passed: 0, failed: 0, skipped: 0 };

export function addTallies(first: Tally, second: Tally): Tally {
  return {
    passed: first.passed + second.passed,
    failed: first.failed + second.failed,
    skipped: first.skipped + second.skipped,
  };
}

/** The last line of `npm test`. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * Counts of the summary that uvu ends its output with. A run that crashed has no summary, or an exit
 * code that its counts do not explain: that is one failure more.
 */
export function readTally(output: string, exitCode: number): Tally {
  const total = lastNumber(output, /^\s*Total:\s+(\d+)\s*$/gm);
  const passed = lastNumber(output, /^\s*Passed:\s+(\d+)\s*$/gm);
  const skipped = lastNumber(output, /^\s*Skipped:\s+(\d+)\s*$/gm);
  if (total === undefined || passed === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const failed = total - passed;
  const isUnexplained = exitCode !== 0 && failed === 0;
  return { passed, failed: failed + (isUnexplained ? 1 : 0), skipped: skipped ?? 0 };
}

function lastNumber(text: string, pattern: RegExp): number | undefined {
  const last = [...text.matchAll(pattern)].at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}
