import type { PresetCommand } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { parsePlace, placeArguments } from './preset-place.ts';
import { parsePresetSlots, parseSharedMemory } from './preset-slots.ts';
import { refused, sendPresetCommand } from './send-preset-command.ts';

const Arguments = z.strictObject({
  input: z.strictObject({
    ...placeArguments,
    slots: z.unknown().optional(),
    sharedMemory: z.string().optional(),
  }),
});

export async function modifyResourcePreset(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller } = context;
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(caller, 'Mutation.modifyResourcePreset');
  const { input } = parsed.value;
  const place = parsePlace(input);
  if (!place.ok) return refused(place.error);
  const slots =
    input.slots === undefined
      ? undefined
      : parsePresetSlots(input.slots, await gateway.projections.knownSlots());
  if (slots?.ok === false) return refused(slots.error);
  const sharedMemory =
    input.sharedMemory === undefined ? undefined : parseSharedMemory(input.sharedMemory);
  if (sharedMemory?.ok === false) return refused(sharedMemory.error);
  const command: PresetCommand = {
    type: 'modify',
    ...(slots === undefined ? {} : { slots: slots.value }),
    ...(sharedMemory === undefined ? {} : { sharedMemoryBytes: sharedMemory.value }),
  };
  return await sendPresetCommand(context, { id: place.value.id, userId, command });
}
