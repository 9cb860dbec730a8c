import { type Rejection, SshFingerprint, SshKeyLabel, type UserCommand } from '@orrery/bus';
import type { SshKeyRow, UserRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { may, type Operation } from '../../auth/may.ts';
import { parsePublicKey } from '../../ssh/public-key.ts';
import { parseArguments, safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { tell } from '../directory/tell.ts';

const UserIdInput = z
  .string()
  .max(64)
  .transform((id) => id.toLowerCase());
const ListArguments = z.strictObject({ userId: UserIdInput.optional() });
const AddArguments = z.strictObject({
  input: z.strictObject({ publicKey: z.string(), label: SshKeyLabel.optional() }),
});
const LabelArguments = z.strictObject({ fingerprint: SshFingerprint, label: SshKeyLabel });
const RemoveArguments = z.strictObject({
  fingerprint: SshFingerprint,
  userId: UserIdInput.optional(),
});
const LABEL_CHARACTERS_MAX = 128;

export async function sshKeys(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<readonly object[]> {
  const { userId } = parseArguments(ListArguments, unparsed);
  const holder = await holderOf(context, 'Query.sshKeys', userId);
  return (holder?.sshKeys ?? []).map(shapeSshKey);
}

export async function addSshKey(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(AddArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.addSshKey');
  const given = parsePublicKey(parsed.value.input.publicKey);
  if (!given.ok) return { rejection: given.error };
  const { comment, ...key } = given.value;
  const fallback = SshKeyLabel.safeParse(comment.slice(0, LABEL_CHARACTERS_MAX));
  const label = parsed.value.input.label ?? fallback.data ?? key.algorithm;
  const command: UserCommand = { type: 'add-ssh-key', key: { ...key, label } };
  return await change(context, { userId, holder: userId, command, fingerprint: key.fingerprint });
}

export async function labelSshKey(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(LabelArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.labelSshKey');
  const { fingerprint, label } = parsed.value;
  const command: UserCommand = { type: 'label-ssh-key', fingerprint, label };
  return await change(context, { userId, holder: userId, command, fingerprint });
}

export async function removeSshKey(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(RemoveArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.removeSshKey');
  const { fingerprint } = parsed.value;
  const holder = await holderOf(context, 'Mutation.removeSshKey', parsed.value.userId);
  const row = holder?.sshKeys.find((key) => key.fingerprint === fingerprint);
  if (holder === undefined || row === undefined) return { rejection: UNKNOWN };
  const command: UserCommand = { type: 'remove-ssh-key', fingerprint };
  const refusal = await tell(context, { userId, aggregate: 'user', id: holder.id, command });
  return refusal === undefined ? { sshKey: shapeSshKey(row) } : { rejection: refusal };
}

/** Whose keys they are; somebody whom the caller may not do this to is as good as nobody. */
async function holderOf(
  { gateway, caller }: GatewayContext,
  operation: Operation,
  asked: string | undefined,
): Promise<UserRow | undefined> {
  const { userId } = authoriseSignedIn(caller, operation);
  const holder = await gateway.projections.findUser(asked ?? userId);
  if (holder === undefined) return undefined;
  const target = { ownerUserId: holder.id, domain: holder.domain, projectId: '' };
  return may(caller, operation, target) ? holder : undefined;
}

async function change(
  context: GatewayContext,
  told: {
    readonly userId: string;
    readonly holder: string;
    readonly command: UserCommand;
    readonly fingerprint: string;
  },
): Promise<object> {
  const { userId, holder, command, fingerprint } = told;
  const refusal = await tell(context, { userId, aggregate: 'user', id: holder, command });
  if (refusal !== undefined) return { rejection: refusal };
  const user = await context.gateway.projections.findUser(holder);
  const row = user?.sshKeys.find((key) => key.fingerprint === fingerprint);
  return { sshKey: row === undefined ? null : shapeSshKey(row) };
}

function shapeSshKey({ addedAtMs, ...key }: SshKeyRow): object {
  return { ...key, addedAt: addedAtMs };
}

const UNKNOWN: Rejection = {
  code: 'ssh-key-unknown',
  message: 'there is no such SSH key, or none that you may remove',
  field: 'fingerprint',
};
