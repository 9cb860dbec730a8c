import { AllowedFolderHosts, parseByteSize, SlotLimits } from '@orrery/bus';
import { z } from 'zod';
import { fromEnum } from '../enum-words.ts';

/** Amounts by slot name as people write them: `mem` also as `1.5g`; `Infinity` is left out. */
export const SlotsInput = z
  .record(z.string(), z.union([z.string(), z.number()]))
  .transform((given) => {
    const limited = Object.entries(given)
      .map(([name, amount]) => [name, String(amount)] as const)
      .filter(([, amount]) => amount !== 'Infinity')
      .map(([name, amount]) => {
        const bytes = name === 'mem' ? parseByteSize(amount)?.toString() : amount;
        return [name, bytes ?? amount] as const;
      });
    const inOrder = limited.toSorted(([left], [right]) => (left < right ? -1 : 1));
    return Object.fromEntries(inOrder);
  })
  .pipe(SlotLimits);

export const HostsInput = AllowedFolderHosts;

/** Of nullable fields an empty value takes away what is there: a null is an argument that was left out. */
export const integrationInput = z
  .string()
  .max(512)
  .transform((text) => (text === '' ? null : text));

/** A word of an enumeration, as the bus spells it. */
export function wordInput<Word extends z.ZodType<string, string>>(words: Word) {
  return z.string().transform(fromEnum).pipe(words);
}

/** Without what was left out. */
export function given<Values extends object>(values: Values): Given<Values> {
  const kept = Object.entries(values).filter(([, value]) => value !== undefined);
  // The entries that are kept have the types that they had.
  return Object.fromEntries(kept) as Given<Values>;
}

type Given<Values> = { [Name in keyof Values]?: Exclude<Values[Name], undefined> };
