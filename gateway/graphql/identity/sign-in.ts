import type { Rejection } from '@orrery/bus';
import { z } from 'zod';
import { authorise } from '../../auth/authorise.ts';
import { PASSWORD_CHARACTERS_MAX } from '../../auth/password.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { shapeUser } from './user-shape.ts';

const Arguments = z.strictObject({
  email: z.string().min(1).max(64),
  password: z.string().min(1).max(PASSWORD_CHARACTERS_MAX),
});

export async function signIn(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller, address }: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  authorise(caller, 'Mutation.signIn');
  const { email, password } = parsed.value;
  const check = () => gateway.passwords.check(email, password);
  const user = await gateway.signIns.watch({ email, address }, check);
  if (user === undefined) return { rejection: CREDENTIALS_WRONG };
  const { token, expiresAtMs } = gateway.tokens().issue({ userId: user.id, accessKey: undefined });
  return { token, expiresAt: expiresAtMs, user: shapeUser(user) };
}

/** The same whether the address is unknown or the password wrong. */
const CREDENTIALS_WRONG: Rejection = {
  code: 'credentials-wrong',
  message: 'the e-mail address or the password is wrong',
};
