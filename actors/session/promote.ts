import type { SessionEvent } from '@orrery/bus';
import { isKernelOver, type Kernel, type SessionSnapshot } from './machine.ts';

/**
 * What follows for a session from the statuses of its kernels (reference: promotion rules). Asked again
 * after each answer until nothing follows.
 */
export function promote(session: SessionSnapshot): readonly SessionEvent[] {
  if (session.status === 'done' || session.matches('absent')) return [];
  const kernels = Object.entries(session.context.kernels);
  const areAllOver = kernels.every(([, kernel]) => isKernelOver(kernel));
  if (session.matches('terminating'))
    return areAllOver ? [ended(session)] : terminatingKernels(session);
  if (session.matches('pending')) return [];
  if (kernels.some(([, kernel]) => kernel.status === 'ERROR')) {
    return areAllOver ? [ended(session)] : [ending('failed-to-start')];
  }
  if (kernels.some(([, kernel]) => isKernelOver(kernel))) return ofKernelEnd(session);
  if (isPrepared(session)) {
    const creating = kernels.map(([kernel]) => ({ type: 'kernel-creating' as const, kernel }));
    return [{ type: 'session-prepared' }, ...creating, { type: 'session-creating' }];
  }
  if (session.matches('creating') && kernels.every(([, kernel]) => kernel.status === 'RUNNING')) {
    return [{ type: 'session-running' }];
  }
  return [];
}

/** Every kernel has its image, and the network that they share is there. */
function isPrepared(session: SessionSnapshot): boolean {
  const { kernels, network, isNetworkReady } = session.context;
  const isMade = network?.driver === 'bridge' || network?.driver === 'overlay';
  return (
    session.matches('preparing') &&
    (!isMade || isNetworkReady === true) &&
    Object.values(kernels).every(({ status }) => status === 'PREPARED')
  );
}

/** A kernel ended though nobody had asked the session to end. */
function ofKernelEnd(session: SessionSnapshot): readonly SessionEvent[] {
  const { request, kernels, result } = session.context;
  const main = Object.values(kernels).find((kernel) => kernel.request.role === 'main');
  if (request?.sessionType !== 'batch' || main === undefined || !isKernelOver(main)) {
    const [first] = Object.values(kernels).filter(isKernelOver);
    return [ending(first?.context.reason ?? 'self-terminated')];
  }
  const reason = batchReason(main);
  if (result !== undefined) return [ending(reason)];
  const exitCode = main.context.exitCode ?? null;
  return [
    { type: 'session-finished', result: exitCode === 0 ? 'success' : 'failure', exitCode, reason },
    ending(reason),
  ];
}

function batchReason(main: Kernel): string {
  if (main.context.exitCode === 0) return 'task-finished';
  const reason = main.context.reason ?? 'self-terminated';
  return reason === 'self-terminated' ? 'task-failed' : reason;
}

function ending(reason: string): SessionEvent {
  return { type: 'session-terminating', reason, mode: 'graceful' };
}

function terminatingKernels(session: SessionSnapshot): readonly SessionEvent[] {
  return Object.entries(session.context.kernels)
    .filter(([, kernel]) => !isKernelOver(kernel) && kernel.status !== 'TERMINATING')
    .map(([kernel]) => ({ type: 'kernel-terminating', kernel }));
}

function ended(session: SessionSnapshot): SessionEvent {
  const [failed] = Object.values(session.context.kernels).filter(
    ({ status }) => status === 'ERROR',
  );
  if (failed !== undefined) {
    const { reason = 'failed-to-start', message = 'a kernel could not be started' } =
      failed.context;
    return { type: 'session-failed', reason, message };
  }
  return { type: 'session-terminated', reason: session.context.ending?.reason ?? 'unknown' };
}
