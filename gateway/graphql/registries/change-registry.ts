import { type RegistryCommand, registryId } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { waitUntilReadable } from '../sessions/after-commit.ts';
import { parseCreate, parseModify } from './registry-input.ts';
import { REGISTRY_UNKNOWN, refused, shapeRegistry } from './registry-shape.ts';

const Inputs = z.strictObject({ input: z.looseObject({ name: z.string() }) });
const Name = z.strictObject({ name: z.string() });

export async function createContainerRegistry(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Inputs, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.createContainerRegistry');
  const command = parseCreate(parsed.value.input, context.gateway.keys.secretSealing);
  if (!command.ok) return refused(command.error);
  return await send(context, { userId, name: command.value.name, command: command.value });
}

export async function modifyContainerRegistry(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Inputs, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.modifyContainerRegistry');
  const { gateway } = context;
  const { name } = parsed.value.input;
  const row = await gateway.projections.findRegistry(name);
  if (row === undefined) return refused(REGISTRY_UNKNOWN);
  const command = parseModify(parsed.value.input, row, gateway.keys.secretSealing);
  if (!command.ok) return refused(command.error);
  return await send(context, { userId, name, command: command.value });
}

/** Answers with the registry as it was. */
export async function deleteContainerRegistry(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Name, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.deleteContainerRegistry');
  const { name } = parsed.value;
  const row = await context.gateway.projections.findRegistry(name);
  if (row === undefined) return refused(REGISTRY_UNKNOWN);
  const payload = await send(context, { userId, name, command: { type: 'delete' } });
  return 'rejection' in payload ? payload : { containerRegistry: shapeRegistry(row) };
}

/** The payload once what the command led to can be read. */
async function send(
  { gateway, traceparent, signal }: GatewayContext,
  request: { readonly userId: string; readonly name: string; readonly command: RegistryCommand },
): Promise<object> {
  const { userId, name, command } = request;
  const { outcome } = await gateway.commands.request({
    aggregate: 'registry',
    aggregateId: registryId(name),
    actor: { kind: 'user', id: userId },
    traceparent,
    command,
  });
  if (!outcome.ok) return refused(outcome.error);
  await waitUntilReadable(gateway, outcome, signal);
  const row = await gateway.projections.findRegistry(name);
  return { containerRegistry: row === undefined ? null : shapeRegistry(row) };
}
