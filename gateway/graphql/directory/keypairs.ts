import {
  DEFAULT_POLICY,
  DEFAULT_RATE_LIMIT,
  type KeypairCommand,
  type Rejection,
  type UserCommand,
} from '@orrery/bus';
import type { KeypairRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import type { Operation } from '../../auth/may.ts';
import { parseArguments, safeParseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { given } from './directory-input.ts';
import { grantKey, newSecret } from './new-keypair.ts';
import { policyRefusal } from './policies.ts';
import { shapeKeypair } from './shapes.ts';
import { tell } from './tell.ts';

const UserIdInput = z
  .string()
  .max(64)
  .transform((id) => id.toLowerCase());
const ListArguments = z.strictObject({
  ...pageArguments,
  userId: UserIdInput.optional(),
  domain: z.string().max(256).optional(),
  isActive: z.boolean().optional(),
});

export async function keypairs(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const listing = parseArguments(ListArguments, unparsed);
  const visibility = visibilityOf(authoriseSignedIn(caller, 'Query.keypairs'), 'Query.keypairs');
  return shapeConnection(
    await gateway.projections.listKeypairs({ ...listing, visibility }),
    shapeKeypair,
  );
}

const KeyInput = z.string().max(64);
const OneArguments = z.strictObject({ accessKey: KeyInput.optional() });

export async function keypair(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object | null> {
  const viewer = authoriseSignedIn(caller, 'Query.keypair');
  const { accessKey = viewer.accessKey } = parseArguments(OneArguments, unparsed);
  if (accessKey === undefined) return null;
  const visibility = visibilityOf(viewer, 'Query.keypair');
  const row = await gateway.projections.findVisibleKeypair(accessKey, visibility);
  return row === undefined ? null : shapeKeypair(row);
}

const settings = {
  isActive: z.boolean().optional(),
  isAdmin: z.boolean().optional(),
  resourcePolicy: z.string().min(1).max(256).optional(),
  rateLimit: z.int().min(1).max(1_000_000_000).optional(),
};
const CreateArguments = z.strictObject({
  input: z.strictObject({ userId: UserIdInput, ...settings }),
});

export async function createKeypair(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(CreateArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.createKeypair');
  const { userId: ownerId, ...input } = parsed.value.input;
  const { projections, keys } = context.gateway;
  const owner = await projections.findVisibleUser({ id: ownerId }, { kind: 'all' });
  if (owner === undefined) return { rejection: USER_UNKNOWN };
  const refusal = await policyRefusal(context, 'keypair', input.resourcePolicy);
  if (refusal !== undefined) return { rejection: refusal };
  const { key, secretKey } = grantKey(keys, {
    isActive: input.isActive ?? true,
    isAdmin: input.isAdmin ?? false,
    resourcePolicy: input.resourcePolicy ?? DEFAULT_POLICY,
    rateLimit: input.rateLimit ?? DEFAULT_RATE_LIMIT,
  });
  const issue: UserCommand = { type: 'issue-key', key };
  const refused = await tell(context, { userId, aggregate: 'user', id: owner.id, command: issue });
  if (refused !== undefined) return { rejection: refused };
  // The user has told it to be; it is told once more, so that it can be read afterwards.
  const { accessKey, ...grant } = key;
  const create: KeypairCommand = { type: 'create', userId: owner.id, ...grant };
  const payload = await change(context, { userId, accessKey, command: create });
  return { ...payload, secretKey };
}

const ModifyArguments = z.strictObject({ accessKey: KeyInput, input: z.strictObject(settings) });
const KeyArguments = z.strictObject({ accessKey: KeyInput });

export async function modifyKeypair(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ModifyArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { accessKey, input } = parsed.value;
  const found = await find(context, 'Mutation.modifyKeypair', accessKey);
  if (found === undefined) return { rejection: KEYPAIR_UNKNOWN };
  const refusal = await policyRefusal(context, 'keypair', input.resourcePolicy);
  if (refusal !== undefined) return { rejection: refusal };
  const command: KeypairCommand = { type: 'modify', changes: given(input) };
  return await change(context, { userId: found.userId, accessKey, command });
}

/** The secret is shown even when the answer is all that is lost of it: asking again makes another one. */
export async function rotateKeypair(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(KeyArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { accessKey } = parsed.value;
  const found = await find(context, 'Mutation.rotateKeypair', accessKey);
  if (found === undefined) return { rejection: KEYPAIR_UNKNOWN };
  const { sealedSecret, secretKey } = newSecret(context.gateway.keys, accessKey);
  const command: KeypairCommand = { type: 'rotate', sealedSecret };
  const payload = await change(context, { userId: found.userId, accessKey, command });
  return 'rejection' in payload ? payload : { ...payload, secretKey };
}

/** Answers with the key pair as it was. Its user is told, who knows which is the main one. */
export async function deleteKeypair(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(KeyArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { accessKey } = parsed.value;
  const found = await find(context, 'Mutation.deleteKeypair', accessKey);
  if (found === undefined) return { rejection: KEYPAIR_UNKNOWN };
  const { userId, row } = found;
  const withdraw: UserCommand = { type: 'withdraw-key', accessKey };
  const refusal = await tell(context, {
    userId,
    aggregate: 'user',
    id: row.userId,
    command: withdraw,
  });
  if (refusal !== undefined) return { rejection: refusal };
  const command: KeypairCommand = { type: 'delete' };
  const refused = await tell(context, { userId, aggregate: 'keypair', id: accessKey, command });
  return refused === undefined ? { keypair: shapeKeypair(row) } : { rejection: refused };
}

/** The key pair, if there is one that the caller may do this to; another's is as good as none. */
async function find(
  { gateway, caller }: GatewayContext,
  operation: Operation,
  accessKey: string,
): Promise<{ readonly row: KeypairRow; readonly userId: string } | undefined> {
  const signedIn = authoriseSignedIn(caller, operation);
  const visibility = visibilityOf(signedIn, operation);
  const row = await gateway.projections.findVisibleKeypair(accessKey, visibility);
  return row && { row, userId: signedIn.userId };
}

async function change(
  context: GatewayContext,
  told: { readonly userId: string; readonly accessKey: string; readonly command: KeypairCommand },
): Promise<object> {
  const { userId, accessKey, command } = told;
  const refusal = await tell(context, { userId, aggregate: 'keypair', id: accessKey, command });
  if (refusal !== undefined) return { rejection: refusal };
  const row = await context.gateway.projections.findKeypair(accessKey);
  return { keypair: row === undefined ? null : shapeKeypair(row) };
}

const KEYPAIR_UNKNOWN: Rejection = {
  code: 'keypair-unknown',
  message: 'there is no such key pair, or none that you may see',
  field: 'accessKey',
};
const USER_UNKNOWN: Rejection = {
  code: 'user-unknown',
  message: 'there is no such user',
  field: 'userId',
};
