import { UsageWrong } from '../errors.ts';

/** The gateway's word for one that was given in lower case with hyphens. @throws {UsageWrong} */
export function oneOf<Word extends string>(
  words: readonly Word[],
  given: string | undefined,
): Word | undefined {
  if (given === undefined) return undefined;
  const found = words.find((word) => hyphened(word) === given);
  if (found !== undefined) return found;
  const known = words.map(hyphened).join(', ');
  throw new UsageWrong(`${JSON.stringify(given)} is none of ${known}`);
}

export function hyphened(value: string): string {
  return value.toLowerCase().replaceAll('_', '-');
}
