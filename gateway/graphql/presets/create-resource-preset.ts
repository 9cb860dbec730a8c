import type { PresetCommand, Rejection } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { parsePlace, placeArguments } from './preset-place.ts';
import { parsePresetSlots, parseSharedMemory } from './preset-slots.ts';
import { PRESETS_MAX } from './resource-presets.ts';
import { refused, sendPresetCommand } from './send-preset-command.ts';

const Arguments = z.strictObject({
  input: z.strictObject({
    ...placeArguments,
    slots: z.unknown(),
    sharedMemory: z.string().optional(),
  }),
});

export async function createResourcePreset(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller } = context;
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(caller, 'Mutation.createResourcePreset');
  const { input } = parsed.value;
  const place = parsePlace(input);
  if (!place.ok) return refused(place.error);
  const slots = parsePresetSlots(input.slots, await gateway.projections.knownSlots());
  if (!slots.ok) return refused(slots.error);
  const sharedMemory = parseSharedMemory(input.sharedMemory ?? '0');
  if (!sharedMemory.ok) return refused(sharedMemory.error);
  const presets = await gateway.projections.listPresets({ limit: PRESETS_MAX });
  const { id, name, resourceGroup } = place.value;
  const isNew = presets.every((preset) => preset.id !== id);
  if (isNew && presets.length >= PRESETS_MAX) return refused(TOO_MANY);
  const command: PresetCommand = {
    type: 'create',
    name,
    ...(resourceGroup === undefined ? {} : { resourceGroup }),
    slots: slots.value,
    ...(sharedMemory.value === null ? {} : { sharedMemoryBytes: sharedMemory.value }),
  };
  return await sendPresetCommand(context, { id, userId, command });
}

const TOO_MANY: Rejection = {
  code: 'presets-too-many',
  message: `there are ${PRESETS_MAX} presets already, the most there may be`,
  field: 'name',
};
