import { Membership, type Rejection, type UserCommand } from '@orrery/bus';
import type { UserRow } from '@orrery/projections';
import { z } from 'zod';
import type { Operation } from '../../auth/may.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { changeable, PROJECT_UNKNOWN } from './change-projects.ts';
import { wordInput } from './directory-input.ts';
import { ProjectIdInput } from './projects.ts';
import { shapeUserNode } from './shapes.ts';
import { tell } from './tell.ts';

const member = { id: ProjectIdInput, userId: z.string().max(64) };
const AddArguments = z.strictObject({ ...member, role: wordInput(Membership.shape.role) });
const RemoveArguments = z.strictObject(member);

/** Who belongs to a project, its users know: so it is a user that is told. */
export async function addProjectMember(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(AddArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { id: projectId, userId, role } = parsed.value;
  const command: UserCommand = { type: 'join-project', projectId, role };
  return await change(context, 'Mutation.addProjectMember', { projectId, userId, command });
}

export async function removeProjectMember(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(RemoveArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { id: projectId, userId } = parsed.value;
  const command: UserCommand = { type: 'leave-project', projectId };
  return await change(context, 'Mutation.removeProjectMember', { projectId, userId, command });
}

async function change(
  context: GatewayContext,
  operation: Operation,
  wanted: { readonly projectId: string; readonly userId: string; readonly command: UserCommand },
): Promise<object> {
  const { projections } = context.gateway;
  const { projectId, userId: memberId, command } = wanted;
  const found = await changeable(context, operation, projectId);
  if (found === undefined) return { rejection: PROJECT_UNKNOWN };
  const inDomain = { kind: 'domain', domain: found.row.domain, userId: '' } as const;
  const user = await projections.findVisibleUser({ id: memberId.toLowerCase() }, inDomain);
  if (user === undefined) return { rejection: USER_UNKNOWN };
  const refusal = await tell(context, {
    userId: found.userId,
    aggregate: 'user',
    id: user.id,
    command,
  });
  if (refusal !== undefined) return { rejection: refusal };
  const changed: UserRow | undefined = await projections.findUser(user.id);
  return { user: changed === undefined ? null : shapeUserNode(changed) };
}

const USER_UNKNOWN: Rejection = {
  code: 'user-unknown',
  message: 'there is no such user in the domain of the project',
  field: 'userId',
};
