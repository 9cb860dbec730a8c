import { err, ok, type Rejection, type Result } from '@orrery/bus';

/** Names in one set of slots. */
const SLOT_NAMES_MAX = 18;
const SHOWN_CHARACTERS_MAX = 64;

/**
 * Texts by slot name, of slots that the cluster has. Refused with `resources-invalid` or `slot-unknown` and the
 * place at fault, such as `slots.cuda.device`.
 */
export function slotTexts(
  unparsed: unknown,
  { field, knownSlots }: { readonly field: string; readonly knownSlots: readonly string[] },
): Result<Readonly<Record<string, string>>, Rejection> {
  if (typeof unparsed !== 'object' || unparsed === null || Array.isArray(unparsed))
    return invalid(field, `${field} is an object of amounts by slot name`);
  const entries = Object.entries(unparsed);
  if (entries.length > SLOT_NAMES_MAX)
    return invalid(field, `${field} names at most ${SLOT_NAMES_MAX} slots`);
  const texts: Record<string, string> = {};
  for (const [name, amount] of entries) {
    const place = `${field}.${name.slice(0, SHOWN_CHARACTERS_MAX)}`;
    if (!knownSlots.includes(name))
      return err({
        code: 'slot-unknown',
        message: `no node has such a slot; known are ${knownSlots.join(', ')}`,
        field: place,
      });
    if (typeof amount !== 'string')
      return invalid(place, 'an amount is written as text, such as "1.5"');
    texts[name] = amount;
  }
  return ok(texts);
}

function invalid(field: string, message: string): Result<never, Rejection> {
  return err({ code: 'resources-invalid', message, field });
}
