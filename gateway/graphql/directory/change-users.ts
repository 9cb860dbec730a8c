import {
  DEFAULT_DOMAIN,
  DEFAULT_POLICY,
  DEFAULT_RATE_LIMIT,
  derivedId,
  type KeypairCommand,
  type Membership,
  type Rejection,
  type UserCommand,
  type UserProfile,
} from '@orrery/bus';
import type { UserRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import type { Operation } from '../../auth/may.ts';
import { hashPassword } from '../../auth/password.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { given } from './directory-input.ts';
import { grantKey } from './new-keypair.ts';
import { policyRefusal } from './policies.ts';
import { shapeKeypair, shapeUserNode } from './shapes.ts';
import { inUse, liveSessions, tell } from './tell.ts';
import { placeRefusal, usernameRefusal } from './user-rules.ts';
import { CreateUserInput, ModifyUserInput } from './users.ts';

/** Users that may have had one e-mail address, one after the other, all but the last one purged. */
const GENERATIONS_MAX = 100;

const CreateArguments = z.strictObject({ input: CreateUserInput });

export async function createUser(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(CreateArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.createUser');
  const { input } = parsed.value;
  const { projections } = context.gateway;
  const domain = input.domain ?? DEFAULT_DOMAIN;
  const username = input.username ?? input.email;
  const projects = membershipsOf(input.projects);
  if ((await projections.findUserByEmail(input.email)) !== undefined)
    return { rejection: EMAIL_TAKEN };
  const refusal =
    (await usernameRefusal(context, { username, id: undefined })) ??
    (await placeRefusal(context, { domain, projects })) ??
    (await policyRefusal(context, 'user', input.resourcePolicy)) ??
    (await policyRefusal(context, 'keypair', input.keypairResourcePolicy, 'keypairResourcePolicy'));
  if (refusal !== undefined) return { rejection: refusal };
  const { command, secretKey } = await registration(context, input, {
    email: input.email,
    username,
    role: input.role ?? 'user',
    domain,
    projectId: projects?.[0]?.projectId ?? '',
  });
  for (let generation = 1; generation <= GENERATIONS_MAX; generation++) {
    const id = userIdOf(input.email, generation);
    const refused = await tell(context, { userId, aggregate: 'user', id, command });
    if (refused?.code === 'user-purged') continue;
    if (refused !== undefined) return { rejection: refused };
    return { ...(await created(context, { id, userId, command })), secretKey };
  }
  return { rejection: EMAIL_USED_UP };
}

/** Who asks twice for one address meets themselves. */
function userIdOf(email: string, generation: number): string {
  const address = email.toLowerCase();
  return generation === 1
    ? derivedId('user', address)
    : derivedId('user', address, String(generation));
}

type Registration = Extract<UserCommand, { readonly type: 'register' }>;

async function registration(
  context: GatewayContext,
  input: z.infer<typeof CreateUserInput>,
  profile: UserProfile,
): Promise<{ readonly command: Registration; readonly secretKey: string }> {
  const { status = 'active', keypairResourcePolicy = DEFAULT_POLICY } = input;
  const { key, secretKey } = grantKey(context.gateway.keys, {
    isAdmin: profile.role === 'superadmin' || profile.role === 'admin',
    rateLimit: DEFAULT_RATE_LIMIT,
    resourcePolicy: keypairResourcePolicy,
    isActive: status === 'active',
  });
  const projects = membershipsOf(input.projects);
  const command: Registration = {
    type: 'register',
    profile,
    passwordHash: await hashPassword(input.password),
    details: {
      fullName: input.fullName ?? '',
      description: input.description ?? '',
      needPasswordChange: input.needPasswordChange ?? false,
      resourcePolicy: input.resourcePolicy ?? DEFAULT_POLICY,
      allowedClientIp: input.allowedClientIp ?? null,
      sudoSessionEnabled: input.sudoSessionEnabled ?? false,
    },
    status,
    ...(projects === undefined ? {} : { projects }),
    key,
  };
  return { command, secretKey };
}

/** The user has told the key pair to be; it is told once more here, so that it can be read afterwards. */
async function created(
  context: GatewayContext,
  { id, userId, command }: { id: string; userId: string; command: Registration },
): Promise<object> {
  const { projections } = context.gateway;
  const { key } = command;
  if (key !== undefined) {
    const { accessKey, ...grant } = key;
    const create: KeypairCommand = { type: 'create', userId: id, ...grant };
    await tell(context, {
      userId,
      aggregate: 'keypair',
      id: accessKey,
      command: create,
    });
  }
  const user = await projections.findUser(id);
  const keypair = key && (await projections.findKeypair(key.accessKey));
  return {
    user: user === undefined ? null : shapeUserNode(user),
    keypair: keypair === undefined ? null : shapeKeypair(keypair),
  };
}

const IdInput = z
  .string()
  .max(64)
  .transform((id) => id.toLowerCase());
const ModifyArguments = z.strictObject({ id: IdInput, input: ModifyUserInput });
const IdArguments = z.strictObject({ id: IdInput });

export async function modifyUser(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ModifyArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { id, input } = parsed.value;
  const found = await find(context, 'Mutation.modifyUser', id);
  if (found === undefined) return { rejection: USER_UNKNOWN };
  const { password, status, projects: memberships, ...changes } = input;
  const projects = membershipsOf(memberships);
  const { domain = found.row.domain } = changes;
  const refusal =
    (await usernameRefusal(context, { username: changes.username, id })) ??
    (await placeRefusal(context, { domain, projects })) ??
    (await policyRefusal(context, 'user', changes.resourcePolicy));
  if (refusal !== undefined) return { rejection: refusal };
  const command: UserCommand = {
    type: 'modify',
    changes: given(changes),
    ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
    ...(status === undefined ? {} : { status }),
    ...(projects === undefined ? {} : { projects }),
  };
  return await change(context, found, command);
}

export async function deleteUser(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(IdArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const found = await find(context, 'Mutation.deleteUser', parsed.value.id);
  if (found === undefined) return { rejection: USER_UNKNOWN };
  if (found.row.id === found.userId) return { rejection: YOURSELF };
  return await change(context, found, { type: 'modify', changes: {}, status: 'deleted' });
}

/** Answers with the user as they were. */
export async function purgeUser(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(IdArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const found = await find(context, 'Mutation.purgeUser', parsed.value.id);
  if (found === undefined) return { rejection: USER_UNKNOWN };
  const { row, userId } = found;
  if (row.id === userId) return { rejection: YOURSELF };
  const sessions = await liveSessions(context, { ownerUserId: row.id });
  if (sessions > 0) return { rejection: inUse('user-in-use', { sessions }) };
  const command: UserCommand = { type: 'purge' };
  const refusal = await tell(context, { userId, aggregate: 'user', id: row.id, command });
  return refusal === undefined ? { user: shapeUserNode(row) } : { rejection: refusal };
}

interface Found {
  readonly row: UserRow;
  readonly userId: string;
}

async function find(
  { gateway, caller }: GatewayContext,
  operation: Operation,
  id: string,
): Promise<Found | undefined> {
  const { userId } = authoriseSignedIn(caller, operation);
  const row = await gateway.projections.findVisibleUser({ id }, { kind: 'all' });
  return row && { row, userId };
}

async function change(
  context: GatewayContext,
  { row, userId }: Found,
  command: UserCommand,
): Promise<object> {
  const refusal = await tell(context, { userId, aggregate: 'user', id: row.id, command });
  if (refusal !== undefined) return { rejection: refusal };
  const changed = await context.gateway.projections.findUser(row.id);
  return { user: changed === undefined ? null : shapeUserNode(changed) };
}

function membershipsOf(
  input: z.infer<typeof CreateUserInput>['projects'],
): Membership[] | undefined {
  return input?.map(({ projectId, role }) => ({ projectId, role: role ?? 'member' }));
}

export const USER_UNKNOWN: Rejection = {
  code: 'user-unknown',
  message: 'there is no such user',
  field: 'id',
};
const EMAIL_TAKEN: Rejection = {
  code: 'user-exists',
  message: 'there is a user with this e-mail address',
  field: 'email',
};
const EMAIL_USED_UP: Rejection = {
  code: 'email-used-up',
  message: `there were ${GENERATIONS_MAX} users with this e-mail address`,
  field: 'email',
};
const YOURSELF: Rejection = {
  code: 'user-is-yourself',
  message: 'nobody deletes or purges themselves: another superadmin has to',
  field: 'id',
};
