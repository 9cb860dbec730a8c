import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { shapeSession } from './session-shape.ts';

const Arguments = z.strictObject({ id: z.string(), time: z.number() });

export async function sessionAt(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object | null> {
  const { id, time } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, 'Query.sessionAt');
  if (!z.uuid().safeParse(id).success) return null;
  const visibility = visibilityOf(viewer, 'Query.sessionAt');
  const state = await gateway.projections.sessionAt(id.toLowerCase(), time, visibility);
  return state === undefined ? null : shapeSession(state.session, state.kernels);
}
