import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from './context.ts';

const COUNT_MAX = 100_000;

/** Opens a context for a command and keeps the exit code that its work gives. */
export type Perform = (
  command: Command,
  work: (context: CommandContext) => Promise<number | undefined>,
) => Promise<void>;

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > COUNT_MAX) {
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${COUNT_MAX}.`);
  }
  return count;
}

/** As a count, or zero. */
export function parseWhole(text: string): number {
  return text === '0' ? 0 : parseCount(text);
}

const SPEED_MAX = 1_000_000;

/** How many times as fast as it was. */
export function parseSpeed(text: string): number | 'max' {
  if (text === 'max') return text;
  const speed = Number(text);
  if (text.trim() === '' || !(speed > 0 && speed <= SPEED_MAX)) {
    throw new InvalidArgumentError(`It must be max, or a number above 0 and up to ${SPEED_MAX}.`);
  }
  return speed;
}

/** Collects `NAME=VALUE` given several times. */
export function parsePair(
  text: string,
  earlier: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be written NAME=VALUE.');
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}

/** @throws {InvalidArgumentError} for anything but a decimal number from 0. */
export function parseNumber(text: string): number {
  if (!/^\d{1,15}(\.\d{1,6})?$/.test(text))
    throw new InvalidArgumentError('It must be a number from 0.');
  return Number(text);
}

export function parseInteger(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** Collects words given several times. */
export function parseWord(text: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), text];
}
