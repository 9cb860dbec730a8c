import { z } from 'zod';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { findOwnedSession } from './find-owned-session.ts';
import { shapeSession } from './session-shape.ts';

const Arguments = z.strictObject({ id: z.string() });

export async function session(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object | null> {
  const { id } = parseArguments(Arguments, unparsed);
  const row = await findOwnedSession(context, 'Query.session', id);
  return row === undefined ? null : shapeSession(row);
}
