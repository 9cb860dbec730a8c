import { type Rejection, replaySetAside } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { shapeSetAside } from './set-aside-shape.ts';

const Arguments = z.strictObject({ id: z.string() });
const SetAsideId = /^\d{1,3}\.\d{1,15}$/;

/** Resolves when the command lies in its inbox again; what comes of it is told by its entity. */
export async function replaySetAsideCommand(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { id } = parseArguments(Arguments, unparsed);
  authoriseSignedIn(caller, 'Mutation.replaySetAsideCommand');
  const { bus } = gateway;
  const found = SetAsideId.test(id) ? await bus.setAside.find(id) : undefined;
  if (found === undefined || !(await replaySetAside(bus, id)))
    return { command: null, rejection: NOT_FOUND };
  return { command: shapeSetAside(found), rejection: null };
}

const NOT_FOUND: Rejection = {
  code: 'set-aside-not-found',
  message: 'no command is set aside under this id; perhaps it was sent again already',
  field: 'id',
};
