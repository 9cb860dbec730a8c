import type { SessionEvent } from '@orrery/bus';
import type { Circumstances } from '../runtime/aggregate.ts';
import { isKernelOver, type Kernel, type SessionSnapshot } from './machine.ts';

/** Starts that are tried before a session is given up that does not say (reference: default of `max_retry_count`). */
export const ATTEMPTS_MAX = 5;

/** How long a node where a start failed is taken last (reference: remembered for an hour). */
const FAILED_ON_MS = 3_600_000;

export function mayRequeue(session: SessionSnapshot): boolean {
  const kernels = Object.values(session.context.kernels);
  const hasStarted = kernels.some((kernel) => kernel.status === 'RUNNING' || isKernelOver(kernel));
  return isTriedAgain(session) && !hasStarted && !session.matches('terminating');
}

function isTriedAgain({ context: { attempt, request } }: SessionSnapshot): boolean {
  const attemptsMax = request?.attemptsMax ?? ATTEMPTS_MAX;
  return attemptsMax === 0 || attempt < attemptsMax;
}

export function requeued(
  session: SessionSnapshot,
  why: Omit<Extract<SessionEvent, { readonly type: 'session-requeued' }>, 'type'>,
): readonly SessionEvent[] {
  const kernels = Object.keys(session.context.kernels);
  return [
    ...kernels.map((kernel) => ({ type: 'kernel-requeued' as const, kernel })),
    { type: 'session-requeued', ...why },
  ];
}

export function failedAgainst(
  kernels: readonly Kernel[],
  { nowMs }: Pick<Circumstances, 'nowMs'>,
): { readonly nodes: string[]; readonly untilMs: number } {
  const nodes = new Set(kernels.flatMap(({ context: { node } }) => node ?? []));
  return { nodes: [...nodes], untilMs: nowMs + FAILED_ON_MS };
}
