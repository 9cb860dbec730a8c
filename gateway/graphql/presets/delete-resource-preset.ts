import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { parsePlace, placeArguments } from './preset-place.ts';
import { shapePreset } from './preset-shape.ts';
import { PRESET_UNKNOWN, refused, sendPresetCommand } from './send-preset-command.ts';

const Arguments = z.strictObject({ input: z.strictObject(placeArguments) });

/** Answers with the preset as it was. */
export async function deleteResourcePreset(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller } = context;
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(caller, 'Mutation.deleteResourcePreset');
  const place = parsePlace(parsed.value.input);
  if (!place.ok) return refused(place.error);
  const { id } = place.value;
  const row = await gateway.projections.findPreset(id);
  if (row === undefined) return refused(PRESET_UNKNOWN);
  const payload = await sendPresetCommand(context, { id, userId, command: { type: 'delete' } });
  return 'rejection' in payload ? payload : { resourcePreset: shapePreset(row) };
}
