import { InvalidArgumentError, Option } from 'commander';
import type { HistoryOptions } from './commands/statistics-history.ts';

/** A part of the past, for whatever shows measurements. */
export function historyOptions(): readonly Option[] {
  return [
    new Option('--since <time>', 'what was measured since then, in steps, such as 2h'),
    new Option('--until <time>', 'the past until then (default: now)'),
    new Option('--step <seconds>', 'of one step of the past, 10 or more').argParser(parseStep),
    new Option('--metric <name...>', 'of the past only these, such as cpu_util'),
  ];
}

/** Whether what was measured before is asked for, and not what is measured now. */
export function isOfThePast({ since, until, step, metric }: HistoryOptions): boolean {
  return [since, until, step, metric].some((option) => option !== undefined);
}

function parseStep(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== '' && Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new InvalidArgumentError('it is a number of seconds above 0');
}
