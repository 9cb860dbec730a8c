import { callerOf } from '../auth/authenticate.ts';
import type { Operation } from '../auth/may.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { createLoaders } from '../graphql/loaders.ts';
import { findMainKernel, type RunningKernel } from './main-kernel.ts';

/**
 * The main kernel of a session as this user may reach it now, not as when somebody was given the way to it.
 * @throws {RequestFailed} `TICKET_INVALID` | `SESSION_NOT_FOUND` | `SESSION_NOT_RUNNING`
 */
export async function kernelOfUser(
  gateway: Gateway,
  { userId, session }: { readonly userId: string; readonly session: string },
  { operation, signal }: { readonly operation: Operation; readonly signal: AbortSignal },
): Promise<RunningKernel> {
  const user = await gateway.identities.findUser(userId);
  if (user?.isActive !== true)
    throw new RequestFailed('TICKET_INVALID', 'Who gave this way in is not active any more.');
  const caller = callerOf(user, undefined);
  const loaders = createLoaders(gateway, signal);
  const context = { gateway, caller, address: '', loaders, signal, traceparent: undefined };
  const found = await findMainKernel(context, operation, session);
  if (found.ok) return found.value;
  const { code, message } = found.error;
  throw new RequestFailed(
    code === 'session-not-found' ? 'SESSION_NOT_FOUND' : 'SESSION_NOT_RUNNING',
    message,
  );
}
