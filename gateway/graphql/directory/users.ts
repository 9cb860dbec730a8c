import { Membership, UserDetails, UserProfile, UserRole, UserStatus } from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { PASSWORD_CHARACTERS_MAX } from '../../auth/password.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { wordInput } from './directory-input.ts';
import { ProjectIdInput } from './projects.ts';
import { shapeUserNode } from './shapes.ts';

const ListArguments = z.strictObject({
  ...pageArguments,
  domain: z.string().max(256).optional(),
  projectId: ProjectIdInput.optional(),
  status: wordInput(UserStatus).optional(),
  role: wordInput(UserRole).optional(),
});

export async function users(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const listing = parseArguments(ListArguments, unparsed);
  const visibility = visibilityOf(authoriseSignedIn(caller, 'Query.users'), 'Query.users');
  return shapeConnection(
    await gateway.projections.listUsers({ ...listing, visibility }),
    shapeUserNode,
  );
}

const OneArguments = z.strictObject({
  id: z.string().max(64).optional(),
  email: z.string().max(64).optional(),
});

export async function user(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object | null> {
  const viewer = authoriseSignedIn(caller, 'Query.user');
  const { id, email } = parseArguments(OneArguments, unparsed);
  const by =
    id === undefined && email !== undefined
      ? { email }
      : { id: (id ?? viewer.userId).toLowerCase() };
  const row = await gateway.projections.findVisibleUser(by, visibilityOf(viewer, 'Query.user'));
  return row === undefined ? null : shapeUserNode(row);
}

const MembershipInput = z.strictObject({
  projectId: ProjectIdInput,
  role: wordInput(Membership.shape.role).nullish(),
});
const PasswordInput = z.string().min(1).max(PASSWORD_CHARACTERS_MAX);
const { shape } = UserDetails;

/** Of nullable fields an empty value takes away what is there. */
const AddressesInput = z
  .array(z.string())
  .max(256)
  .transform((addresses) => (addresses.length === 0 ? null : addresses))
  .pipe(shape.allowedClientIp);

/** What may be given when a user is created as well as later. */
const common = {
  username: UserProfile.shape.username.optional(),
  needPasswordChange: z.boolean().optional(),
  fullName: shape.fullName.optional(),
  description: shape.description.optional(),
  status: wordInput(UserStatus).optional(),
  domain: z.string().max(256).optional(),
  role: wordInput(UserRole).optional(),
  projects: z.array(MembershipInput).max(1_000).optional(),
  resourcePolicy: shape.resourcePolicy.optional(),
  allowedClientIp: AddressesInput.optional(),
  sudoSessionEnabled: z.boolean().optional(),
};

export const CreateUserInput = z.strictObject({
  ...common,
  email: UserProfile.shape.email,
  password: PasswordInput,
  keypairResourcePolicy: z.string().min(1).max(256).optional(),
});

export const ModifyUserInput = z.strictObject({
  ...common,
  password: PasswordInput.optional(),
  mainAccessKey: z.string().max(64).optional(),
});
