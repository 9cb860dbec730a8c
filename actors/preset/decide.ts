import {
  compareAmounts,
  err,
  ok,
  type PresetCommand,
  type PresetEvent,
  type Rejection,
  type Slots,
  unreachable,
} from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { PresetContext, PresetSnapshot } from './machine.ts';

/** Names of slots in one preset. */
export const PRESET_SLOTS_MAX = 18;
/** Slots that every kernel has some of. */
const REQUIRED_SLOTS = ['cpu', 'mem'];

export function decide(preset: PresetSnapshot, command: PresetCommand): Decision<PresetEvent> {
  switch (command.type) {
    case 'create':
      return create(preset, command);
    case 'modify':
      return modify(preset, command);
    case 'delete':
      return ok({ events: preset.matches('absent') ? [] : [{ type: 'preset-deleted' }] });
    default:
      return unreachable(command);
  }
}

function create(
  preset: PresetSnapshot,
  { type: _, ...created }: Extract<PresetCommand, { readonly type: 'create' }>,
): Decision<PresetEvent> {
  const wanted = {
    slots: created.slots,
    sharedMemoryBytes: created.sharedMemoryBytes ?? null,
  };
  const refusal = refusalOf(wanted);
  if (refusal !== undefined) return err(refusal);
  if (preset.matches('absent')) return ok({ events: [{ type: 'preset-created', ...created }] });
  if (isSame(preset.context, wanted)) return ok({ events: [] });
  return err({
    code: 'preset-exists',
    message: 'there is a preset of this name with other resources; modify it, or delete it first',
    field: 'name',
  });
}

function modify(
  preset: PresetSnapshot,
  { slots, sharedMemoryBytes }: Extract<PresetCommand, { readonly type: 'modify' }>,
): Decision<PresetEvent> {
  if (preset.matches('absent'))
    return err({ code: 'preset-unknown', message: 'there is no such preset', field: 'name' });
  const { context } = preset;
  const wanted: PresetContext = {
    slots: slots ?? context.slots,
    sharedMemoryBytes:
      sharedMemoryBytes === undefined ? context.sharedMemoryBytes : sharedMemoryBytes,
  };
  const refusal = refusalOf(wanted);
  if (refusal !== undefined) return err(refusal);
  const events: PresetEvent[] = [];
  if (!isSameSlots(wanted.slots, context.slots))
    events.push({ type: 'preset-slots-set', slots: wanted.slots });
  if (wanted.sharedMemoryBytes !== context.sharedMemoryBytes) {
    const { sharedMemoryBytes: bytes } = wanted;
    events.push({ type: 'preset-shared-memory-set', sharedMemoryBytes: bytes });
  }
  return ok({ events });
}

/** Why nothing could ever be started with these resources. */
function refusalOf({ slots, sharedMemoryBytes }: PresetContext): Rejection | undefined {
  const names = Object.keys(slots);
  if (names.length > PRESET_SLOTS_MAX)
    return invalid('slots', `a preset has at most ${PRESET_SLOTS_MAX} slots`);
  for (const name of REQUIRED_SLOTS)
    if (compareAmounts(slots[name], '0') <= 0)
      return invalid(`slots.${name}`, `a preset has more than 0 ${name}`);
  for (const name of names)
    if (compareAmounts(slots[name], '0') <= 0)
      return invalid(`slots.${name}`, `leave ${name} out instead of giving 0 of it`);
  if (slots['mem']?.includes('.') === true)
    return invalid('slots.mem', 'mem is a whole number of bytes');
  if (sharedMemoryBytes === null) return undefined;
  return compareAmounts(String(sharedMemoryBytes), slots['mem']) < 0
    ? undefined
    : invalid('sharedMemory', 'the shared memory is a part of mem, and less than all of it');
}

function invalid(field: string, message: string): Rejection {
  return { code: 'preset-invalid', message, field };
}

function isSame(left: PresetContext, right: PresetContext): boolean {
  return left.sharedMemoryBytes === right.sharedMemoryBytes && isSameSlots(left.slots, right.slots);
}

function isSameSlots(left: Slots, right: Slots): boolean {
  return [...Object.keys(left), ...Object.keys(right)].every(
    (name) => compareAmounts(left[name], right[name]) === 0,
  );
}
