import type { Rejection, Result } from '@orrery/bus';
import { err, ok } from '@orrery/bus';
import type { Operation } from '../auth/may.ts';
import type { GatewayContext } from '../graphql/context.ts';
import { findOwnedSession, SESSION_NOT_FOUND } from '../graphql/sessions/find-owned-session.ts';

/** A kernel, and the node that it runs on. */
export interface RunningKernel {
  readonly session: string;
  readonly kernel: string;
  readonly node: string;
}

/** The main kernel of a session that the caller may do this to. Somebody else's is as good as none. */
export async function findMainKernel(
  context: GatewayContext,
  operation: Operation,
  id: string,
): Promise<Result<RunningKernel, Rejection>> {
  const found = await findOnce(context, operation, id);
  if (found.ok || found.error.code !== 'session-not-running') return found;
  // Who has just heard that it runs may be ahead of the tables.
  const { progress, bus } = context.gateway;
  await progress.reached(await bus.log.lastSequence(), context.signal);
  return findOnce(context, operation, id);
}

async function findOnce(
  context: GatewayContext,
  operation: Operation,
  id: string,
): Promise<Result<RunningKernel, Rejection>> {
  const row = await findOwnedSession(context, operation, id);
  if (row === undefined) return err({ ...SESSION_NOT_FOUND, field: 'sessionId' });
  const kernels = await context.gateway.projections.kernelsOfSessions([row.id]);
  const main = kernels.find(({ role }) => role === 'main');
  if (row.status !== 'RUNNING' || main?.status !== 'RUNNING' || main.agentId === null) {
    return err({
      code: 'session-not-running',
      message: `the session is ${row.status}; this can be done only in a RUNNING one`,
      field: 'sessionId',
    });
  }
  return ok({ session: row.id, kernel: main.id, node: main.agentId });
}

/**
 * The main kernel of a session in whatever state, with the node where it ran last; undefined where it never did.
 * Somebody else's session is as good as none.
 */
export async function findPlacedKernel(
  context: GatewayContext,
  operation: Operation,
  id: string,
): Promise<Result<RunningKernel | undefined, Rejection>> {
  const row = await findOwnedSession(context, operation, id);
  if (row === undefined) return err({ ...SESSION_NOT_FOUND, field: 'sessionId' });
  const kernels = await context.gateway.projections.kernelsOfSessions([row.id]);
  const main = kernels.find(({ role }) => role === 'main');
  if (main === undefined || main.agentId === null) return ok(undefined);
  return ok({ session: row.id, kernel: main.id, node: main.agentId });
}
