import type { Rejection, UserCommand } from '@orrery/bus';
import type { UserRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import type { Operation } from '../../auth/may.ts';
import { PASSWORD_CHARACTERS_MAX } from '../../auth/password.ts';
import { newTotp, readCode } from '../../auth/totp.ts';
import { RequestFailed } from '../../errors.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { USER_UNKNOWN } from '../directory/change-users.ts';
import { shapeUserNode } from '../directory/shapes.ts';
import { tell } from '../directory/tell.ts';

export const CodeInput = z.string().min(1).max(64);

const EnrolArguments = z.strictObject({
  password: z.string().min(1).max(PASSWORD_CHARACTERS_MAX),
});

/** With the password: who has found a token does not shut its owner out. */
export async function enrolTotp(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(EnrolArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { gateway, address } = context;
  const row = await ownRow(context, 'Mutation.enrolTotp');
  const { email, id } = row;
  const isRight = await gateway.signIns.watch({ email, address }, () =>
    gateway.passwords.check(email, parsed.value.password),
  );
  if (isRight === undefined) return { rejection: PASSWORD_WRONG };
  const { secret, uri, recoveryCodes, ...grant } = newTotp(row, gateway.keys);
  const { sealedSecret, recoveryHashes } = grant;
  const command: UserCommand = {
    type: 'enrol-totp',
    sealedSecret,
    recoveryHashes: [...recoveryHashes],
  };
  const refusal = await tell(context, { userId: id, aggregate: 'user', id, command });
  return refusal === undefined ? { secret, uri, recoveryCodes } : { rejection: refusal };
}

const CodeArguments = z.strictObject({ code: CodeInput });

export async function confirmTotp(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(CodeArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const row = await ownRow(context, 'Mutation.confirmTotp');
  const used = await guarded(context, row, parsed.value.code);
  // A recovery code does not show that the app has the secret.
  if (used?.type !== 'use-totp') return { rejection: CODE_WRONG };
  return await change(context, row, { type: 'confirm-totp', step: used.step });
}

export async function removeTotp(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(CodeArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const row = await ownRow(context, 'Mutation.removeTotp');
  const used = await guarded(context, row, parsed.value.code);
  if (used === undefined) return { rejection: CODE_WRONG };
  // One that was not confirmed has used nothing yet.
  if (row.totpActivatedAtMs !== null) {
    const { id } = row;
    const refusal = await tell(context, { userId: id, aggregate: 'user', id, command: used });
    if (refusal !== undefined) return { rejection: { ...refusal, field: 'code' } };
  }
  return await change(context, row, { type: 'remove-totp' });
}

const IdArguments = z.strictObject({
  id: z
    .string()
    .max(64)
    .transform((id) => id.toLowerCase()),
});

export async function resetTotp(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(IdArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.resetTotp');
  const row = await context.gateway.projections.findVisibleUser(
    { id: parsed.value.id },
    { kind: 'all' },
  );
  if (row === undefined) return { rejection: USER_UNKNOWN };
  return await change(context, row, { type: 'remove-totp' }, userId);
}

/** From the projections, not from what is kept: the enrolment may be a moment old. */
async function ownRow({ gateway, caller }: GatewayContext, operation: Operation): Promise<UserRow> {
  const { userId } = authoriseSignedIn(caller, operation);
  const row = await gateway.projections.findUser(userId);
  if (row?.isActive === true) return row;
  throw new RequestFailed('UNAUTHENTICATED', 'The user is not active any more.');
}

/** Codes are guessed no faster here than at sign-in. */
async function guarded(
  { gateway, address }: GatewayContext,
  { id, email, sealedTotpSecret }: UserRow,
  code: string,
): Promise<ReturnType<typeof readCode>> {
  const { signIns, clock, keys } = gateway;
  return await signIns.watch({ email, address }, async () =>
    sealedTotpSecret === null
      ? undefined
      : readCode(code, { userId: id, sealedSecret: sealedTotpSecret, nowMs: clock.nowMs() }, keys),
  );
}

async function change(
  context: GatewayContext,
  row: UserRow,
  command: UserCommand,
  userId: string = row.id,
): Promise<object> {
  const refusal = await tell(context, { userId, aggregate: 'user', id: row.id, command });
  if (refusal !== undefined) return { rejection: refusal };
  const changed = await context.gateway.projections.findUser(row.id);
  return { user: changed === undefined ? null : shapeUserNode(changed) };
}

const PASSWORD_WRONG: Rejection = {
  code: 'credentials-wrong',
  message: 'the password is wrong',
  field: 'password',
};
const CODE_WRONG: Rejection = {
  code: 'totp-wrong',
  message: 'the code is wrong, or there is nothing that it could be of',
  field: 'code',
};
