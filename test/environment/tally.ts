import { stripVTControlCharacters } from 'node:util';

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

/** A run that ended without counts. */
export const crashed: Tally = { passed: 0, failed: 1, skipped: 0 };

/**
 * Counts of the summary that uvu ends its output with; undefined when it did not come so far. An exit
 * code that the counts do not explain is one failure more.
 */
export function readTally(output: string, exitCode: number): Tally | undefined {
  const plain = stripVTControlCharacters(output);
  const total = lastNumber(plain, /^\s*Total:\s+(\d+)\s*$/gm);
  const passed = lastNumber(plain, /^\s*Passed:\s+(\d+)\s*$/gm);
  const skipped = lastNumber(plain, /^\s*Skipped:\s+(\d+)\s*$/gm);
  if (total === undefined || passed === undefined) return undefined;
  const failed = total - passed;
  const isUnexplained = exitCode !== 0 && failed === 0;
  return { passed, failed: failed + (isUnexplained ? 1 : 0), skipped: skipped ?? 0 };
}

function lastNumber(text: string, pattern: RegExp): number | undefined {
  const last = [...text.matchAll(pattern)].at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}
