import type { Rejection } from '@orrery/bus';
import type { UserRow } from '@orrery/projections';
import { z } from 'zod';
import { authorise } from '../../auth/authorise.ts';
import { PASSWORD_CHARACTERS_MAX } from '../../auth/password.ts';
import { readCode } from '../../auth/totp.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { CodeInput } from './totp.ts';
import { shapeUser } from './user-shape.ts';

const Arguments = z.strictObject({
  email: z.string().min(1).max(64),
  password: z.string().min(1).max(PASSWORD_CHARACTERS_MAX),
  otp: CodeInput.optional(),
});
type Given = z.infer<typeof Arguments>;

export async function signIn(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller, address } = context;
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  authorise(caller, 'Mutation.signIn');
  const { email } = parsed.value;
  let refusal = CREDENTIALS_WRONG;
  const check = async (): Promise<UserRow | undefined> => {
    const checked = await checkAll(context, parsed.value);
    if ('user' in checked) return checked.user;
    refusal = checked.refusal;
    if (refusal === CODE_REQUIRED) throw new CodeMissing();
    return undefined;
  };
  let user: UserRow | undefined;
  try {
    user = await gateway.signIns.watch({ email, address }, check);
  } catch (error) {
    if (!(error instanceof CodeMissing)) throw error;
  }
  if (user === undefined) return { rejection: refusal };
  const { token, expiresAtMs } = gateway.tokens().issue({ userId: user.id, accessKey: undefined });
  return { token, expiresAt: expiresAtMs, user: shapeUser(user) };
}

/** Neither a wrong guess nor a sign-in: it must not make the wrong ones before it forgotten. */
class CodeMissing extends Error {}

/** The password first: nobody learns without it whether a code is needed. */
async function checkAll(
  { gateway, traceparent }: GatewayContext,
  { email, password, otp }: Given,
): Promise<{ readonly user: UserRow } | { readonly refusal: Rejection }> {
  const { passwords, clock, keys, commands } = gateway;
  const user = await passwords.check(email, password);
  if (user === undefined) return { refusal: CREDENTIALS_WRONG };
  const { id, sealedTotpSecret: sealedSecret, totpActivatedAtMs } = user;
  if (totpActivatedAtMs === null || sealedSecret === null) return { user };
  if (otp === undefined) return { refusal: CODE_REQUIRED };
  const code = readCode(otp, { userId: id, sealedSecret, nowMs: clock.nowMs() }, keys);
  if (code === undefined) return { refusal: CODE_WRONG };
  const { outcome } = await commands.request({
    aggregate: 'user',
    aggregateId: id,
    actor: { kind: 'user', id },
    traceparent,
    command: code,
  });
  return outcome.ok ? { user } : { refusal: outcome.error };
}

/** The same whether the address is unknown or the password wrong. */
const CREDENTIALS_WRONG: Rejection = {
  code: 'credentials-wrong',
  message: 'the e-mail address or the password is wrong',
};
const CODE_REQUIRED: Rejection = {
  code: 'totp-required',
  message: 'the password is right, and a code is needed as well: six digits, or a recovery code',
  field: 'otp',
};
const CODE_WRONG: Rejection = {
  code: 'totp-wrong',
  message: 'the code is wrong, or too old',
  field: 'otp',
};
