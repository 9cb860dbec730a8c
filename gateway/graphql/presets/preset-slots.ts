import {
  err,
  ok,
  parseByteSize,
  type Rejection,
  type Result,
  refusalOfDevices,
  type Slots,
} from '@orrery/bus';
import { MEMORY_BYTES_MAX, parseResources } from '../sessions/resources.ts';
import { slotTexts } from '../slot-texts.ts';

/**
 * Slots that a session could ask for.
 * Refused with `slot-unknown` or `resources-invalid` and the slot at fault, such as `slots.cuda.device`.
 */
export function parsePresetSlots(
  unparsed: unknown,
  knownSlots: readonly string[],
): Result<Slots, Rejection> {
  const texts = slotTexts(unparsed, { field: 'slots', knownSlots });
  if (!texts.ok) return texts;
  const { cpu = '', mem = '', ...slots } = texts.value;
  const parsed = parseResources({ cpu, memory: mem, slots });
  if (parsed.ok) {
    const refusal = refusalOfDevices(parsed.value);
    if (refusal === undefined) return parsed;
    const { message, slot } = refusal;
    return err({ code: 'resources-invalid', message, field: `slots.${slot}` });
  }
  const { field } = parsed.error;
  return err({ ...parsed.error, field: FIELDS[field ?? ''] ?? field });
}

const FIELDS: Readonly<Record<string, string>> = { cpu: 'slots.cpu', memory: 'slots.mem' };

/** Bytes from text such as `64m`; null for 0, which is none. */
export function parseSharedMemory(text: string): Result<number | null, Rejection> {
  const bytes = parseByteSize(text);
  if (bytes !== undefined && bytes <= MEMORY_BYTES_MAX)
    return ok(bytes === 0n ? null : Number(bytes));
  return err({
    code: 'resources-invalid',
    message: 'shared memory is a size up to 64t, such as 64m or 1g, or 0 for none',
    field: 'sharedMemory',
  });
}
