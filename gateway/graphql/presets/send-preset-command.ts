import type { PresetCommand, Rejection } from '@orrery/bus';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';
import { shapePreset } from './preset-shape.ts';

/** The payload once what the command led to can be read; without a preset when it is deleted. */
export async function sendPresetCommand(
  { gateway, traceparent, signal }: GatewayContext,
  request: { readonly id: string; readonly userId: string; readonly command: PresetCommand },
): Promise<object> {
  const { id, userId, command } = request;
  const { outcome } = await gateway.commands.request({
    aggregate: 'preset',
    aggregateId: id,
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) return refused(outcome.error);
  await waitUntilReadable(gateway, outcome, signal);
  const row = await gateway.projections.findPreset(id);
  return { resourcePreset: row === undefined ? null : shapePreset(row) };
}

export function refused(rejection: Rejection): object {
  return { rejection };
}

export const PRESET_UNKNOWN: Rejection = {
  code: 'preset-unknown',
  message: 'there is no preset of this name in that place; a global one has no resource group',
  field: 'name',
};
