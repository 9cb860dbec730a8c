import {
  err,
  ok,
  PresetName,
  presetId,
  type Rejection,
  ResourceGroupName,
  type Result,
} from '@orrery/bus';
import { z } from 'zod';

/** What names a preset, as GraphQL gives it. */
export const placeArguments = { name: z.string(), resourceGroup: z.string().optional() };

export interface PresetPlace {
  readonly id: string;
  readonly name: string;
  readonly resourceGroup: string | undefined;
}

export function parsePlace(input: {
  readonly name: string;
  readonly resourceGroup?: string | undefined;
}): Result<PresetPlace, Rejection> {
  const { name, resourceGroup } = input;
  if (!PresetName.safeParse(name).success) return nameInvalid('name');
  if (!ResourceGroupName.optional().safeParse(resourceGroup).success)
    return nameInvalid('resourceGroup');
  return ok({ id: presetId(name, resourceGroup), name, resourceGroup });
}

function nameInvalid(field: string): Result<never, Rejection> {
  const message =
    'a name has 1 to 64 letters, digits, _, - or ., and begins with a letter or a digit';
  return err({ code: 'name-invalid', message, field });
}
