import type { KernelRow } from '@orrery/projections';
import { z } from 'zod';
import type { SignedInCaller } from '../auth/may.ts';
import type { Gateway } from '../gateway.ts';
import type { GatewayContext } from '../graphql/context.ts';
import { createLoaders } from '../graphql/loaders.ts';
import { findOwnedSession } from '../graphql/sessions/find-owned-session.ts';
import type { RunningKernel } from '../inside/main-kernel.ts';

const NAME = /^(?<session>[^/+]{1,256})(?:[/+](?<kernel>[^/+]{1,256}))?$/;

export interface Wanted {
  readonly kernel: RunningKernel;
  readonly hostnames: readonly string[];
}

/**
 * The kernel that a user name of SSH stands for: SESSION, SESSION/KERNEL or SESSION+KERNEL, a session by its id or
 * name (the newest that runs), a kernel by its id or hostname, and without one the main kernel. Undefined: there is
 * none, or none that the caller may open a terminal in.
 */
export async function findWanted(
  gateway: Gateway,
  { caller, name }: { readonly caller: SignedInCaller; readonly name: string },
  signal: AbortSignal,
): Promise<Wanted | undefined> {
  const parts = NAME.exec(name)?.groups;
  const session = parts?.['session'];
  if (session === undefined) return undefined;
  const id = await sessionOf(gateway, { caller, session }, signal);
  if (id === undefined) return undefined;
  const kernels = await gateway.projections.kernelsOfSessions([id]);
  const kernel = kernels.find((each) => isMeant(each, parts?.['kernel']));
  if (kernel?.status !== 'RUNNING' || kernel.agentId === null) return undefined;
  return {
    kernel: { session: id, kernel: kernel.id, node: kernel.agentId },
    hostnames: [kernel.hostname],
  };
}

function isMeant({ id, role, hostname }: KernelRow, kernel: string | undefined): boolean {
  return kernel === undefined ? role === 'main' : id === kernel || hostname === kernel;
}

async function sessionOf(
  gateway: Gateway,
  { caller, session }: { readonly caller: SignedInCaller; readonly session: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  if (z.uuid().safeParse(session).success) {
    const loaders = createLoaders(gateway, signal);
    const context: GatewayContext = {
      gateway,
      caller,
      address: '',
      loaders,
      signal,
      traceparent: undefined,
    };
    const row = await findOwnedSession(context, 'Mutation.openTerminal', session);
    return row?.status === 'RUNNING' ? row.id : undefined;
  }
  const page = await gateway.projections.listSessions({
    first: 1,
    visibility: { kind: 'user', userId: caller.userId },
    filter: { name: session, statuses: ['RUNNING'], ownerUserId: caller.userId },
  });
  return page.ok ? page.value.edges[0]?.row.id : undefined;
}
