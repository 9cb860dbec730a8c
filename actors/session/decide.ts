import {
  err,
  type KernelReport,
  ok,
  type SessionCommand,
  type SessionEvent,
  type SessionRequest,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decided, Decision, Effect } from '../runtime/aggregate.ts';
import { isKernelOver, type Kernel, type SessionSnapshot, sessionRules } from './machine.ts';
import { promote } from './promote.ts';

/** Starts that are tried before a session is given up (reference: default of `max_retry_count`). */
export const ATTEMPTS_MAX = 5;

/** Failures of a start that another node, or a later moment, may not have. */
const RETRYABLE = new Set([
  'engine-unavailable',
  'node-full',
  'port-taken',
  'disk-full',
  'agent-restarted',
]);

type Report = Extract<SessionCommand, { readonly type: 'report-kernel' }>;

export function decide(
  session: SessionSnapshot,
  command: SessionCommand,
  { id }: Pick<Circumstances, 'id'>,
): Decision<SessionEvent> {
  switch (command.type) {
    case 'enqueue':
      return enqueue(session, command.request, id);
    case 'place':
      return place(session, command);
    case 'report-kernel':
      return reportKernel(session, command);
    case 'terminate':
      return terminate(session, command);
    case 'pass-deadline':
      return ok(concluded(session, passDeadline(session)));
    default:
      return unreachable(command);
  }
}

function enqueue(
  session: SessionSnapshot,
  request: SessionRequest,
  id: string,
): Decision<SessionEvent> {
  const known = session.context.request;
  if (known === undefined) {
    return ok({ events: [{ type: 'session-enqueued', session: id, request }] });
  }
  if (JSON.stringify(known) === JSON.stringify(request)) return ok({ events: [] });
  return err({
    code: 'idempotency-key-reused',
    message: 'this idempotency key was used for another request',
    field: 'idempotencyKey',
  });
}

function place(
  session: SessionSnapshot,
  command: Extract<SessionCommand, { readonly type: 'place' }>,
): Decision<SessionEvent> {
  if (session.status === 'done') return ok({ events: [], effects: [freeing(command.attempt)] });
  if (!session.matches('pending') || command.attempt !== session.context.attempt)
    return ok({ events: [] });
  const { attempt, placements } = command;
  const placed = new Set(placements.map(({ kernel }) => kernel));
  if (!Object.keys(session.context.kernels).every((kernel) => placed.has(kernel))) {
    return err({
      code: 'placement-incomplete',
      message: 'every kernel of the session has a place, or none',
      field: 'placements',
    });
  }
  return ok({
    events: [
      { type: 'session-scheduled', attempt, placements },
      ...placements.map(({ kernel, node, slots }) => ({
        type: 'kernel-scheduled' as const,
        kernel,
        node,
        slots,
      })),
      ...placements.map(({ kernel }) => ({ type: 'kernel-preparing' as const, kernel })),
      { type: 'session-preparing' },
    ],
  });
}

function terminate(
  session: SessionSnapshot,
  command: Extract<SessionCommand, { readonly type: 'terminate' }>,
): Decision<SessionEvent> {
  const { mode, reason } = command;
  if (session.matches('absent'))
    return err({ code: 'session-not-found', message: 'there is no such session', field: 'id' });
  if (session.status === 'done') return ok({ events: [] });
  if (session.matches('pending')) {
    return ok({
      events: [...kernelsCancelled(session, reason), { type: 'session-cancelled', reason }],
    });
  }
  if (session.matches('terminating')) {
    const isUrgent = mode === 'force' && session.context.ending?.mode !== 'force';
    return ok({ events: isUrgent ? [{ type: 'session-forced', reason }] : [] });
  }
  return ok(concluded(session, [{ type: 'session-terminating', reason, mode }]));
}

function kernelsCancelled(session: SessionSnapshot, reason: string): readonly SessionEvent[] {
  return Object.keys(session.context.kernels).map((kernel) => ({
    type: 'kernel-cancelled',
    kernel,
    reason,
  }));
}

/** The first events and all that follow from them by the rules of promotion. */
function concluded(
  session: SessionSnapshot,
  first: readonly SessionEvent[],
): Decided<SessionEvent> {
  const events: SessionEvent[] = [];
  const effects: Effect[] = [];
  let state = session;
  for (let next = first; next.length > 0; next = promote(state)) {
    for (const event of next) {
      events.push(event);
      const applied = sessionRules.apply(state, event);
      if (applied === undefined) return { events };
      state = applied.state;
      effects.push(...applied.effects);
    }
  }
  return { events, applied: { state, effects } };
}

function reportKernel(session: SessionSnapshot, command: Report): Decision<SessionEvent> {
  const kernel = session.context.kernels[command.kernel];
  if (kernel === undefined) {
    return err({
      code: 'kernel-unknown',
      message: 'the session has no such kernel',
      field: 'kernel',
    });
  }
  const isMisplaced = kernel.context.node !== command.node;
  if (session.status === 'done' || isKernelOver(kernel) || isMisplaced) {
    return ok({ events: [], effects: saysItIsThere(command.report) ? [beGoneFrom(command)] : [] });
  }
  return ok(concluded(session, eventsOf(session, kernel, command)));
}

/** Events of what was seen of a kernel that is not over, on the node where it belongs. */
function eventsOf(
  session: SessionSnapshot,
  kernel: Kernel,
  { kernel: id, report }: Report,
): readonly SessionEvent[] {
  switch (report.state) {
    case 'pulling':
      return kernel.status === 'PREPARING' ? [{ type: 'kernel-pulling', kernel: id }] : [];
    case 'prepared':
      return isOneOf(kernel, ['PREPARING', 'PULLING'])
        ? [{ type: 'kernel-prepared', kernel: id }]
        : [];
    case 'running': {
      const { containerId, startedAtMs } = report;
      return kernel.status === 'CREATING'
        ? [{ type: 'kernel-running', kernel: id, containerId, startedAtMs }]
        : [];
    }
    case 'exited': {
      if (!isOneOf(kernel, ['CREATING', 'RUNNING', 'TERMINATING'])) return [];
      const { exitCode, wasOutOfMemory, finishedAtMs } = report;
      const reason = wasOutOfMemory ? 'out-of-memory' : report.reason;
      return [
        { type: 'kernel-terminated', kernel: id, reason, exitCode, wasOutOfMemory, finishedAtMs },
      ];
    }
    case 'failed':
      return failed(session, kernel, { id, report });
    case 'absent': {
      if (kernel.status === 'RUNNING') return [vanished(id, 'container-not-found')];
      if (kernel.status === 'TERMINATING')
        return [vanished(id, session.context.ending?.reason ?? 'unknown')];
      return [];
    }
    default:
      return unreachable(report);
  }
}

function failed(
  session: SessionSnapshot,
  kernel: Kernel,
  {
    id,
    report,
  }: { readonly id: string; readonly report: Extract<KernelReport, { readonly state: 'failed' }> },
): readonly SessionEvent[] {
  const { step, code, message } = report;
  if (kernel.status === 'TERMINATING') return [vanished(id, code)];
  if (kernel.status === 'RUNNING') return [];
  if (RETRYABLE.has(code) && mayRequeue(session)) return requeued(session, code, message);
  return [{ type: 'kernel-failed', kernel: id, step, code, message }];
}

function passDeadline(session: SessionSnapshot): readonly SessionEvent[] {
  const unended = Object.entries(session.context.kernels).filter(
    ([, kernel]) => !isKernelOver(kernel),
  );
  if (session.matches('terminating')) {
    return unended.map(([kernel]) => vanished(kernel, 'node-unreachable'));
  }
  if (!['scheduled', 'preparing', 'prepared', 'creating'].some((state) => session.value === state))
    return [];
  const code = 'start-deadline-passed';
  const message = `the session was ${String(session.value)} for longer than that may last`;
  if (mayRequeue(session)) return requeued(session, code, message);
  const unstarted = unended.filter(([, kernel]) => kernel.status !== 'RUNNING');
  return unstarted.map(([kernel]) => ({
    type: 'kernel-failed',
    kernel,
    step: 'start',
    code,
    message,
  }));
}

function mayRequeue(session: SessionSnapshot): boolean {
  const kernels = Object.values(session.context.kernels);
  const hasStarted = kernels.some((kernel) => kernel.status === 'RUNNING' || isKernelOver(kernel));
  return session.context.attempt < ATTEMPTS_MAX && !hasStarted && !session.matches('terminating');
}

function requeued(
  session: SessionSnapshot,
  reason: string,
  message: string,
): readonly SessionEvent[] {
  const kernels = Object.keys(session.context.kernels);
  return [
    ...kernels.map((kernel) => ({ type: 'kernel-requeued' as const, kernel })),
    { type: 'session-requeued', reason, message },
  ];
}

function vanished(kernel: string, reason: string): SessionEvent {
  return {
    type: 'kernel-terminated',
    kernel,
    reason,
    exitCode: null,
    wasOutOfMemory: false,
    finishedAtMs: null,
  };
}

function isOneOf(kernel: Kernel, statuses: readonly string[]): boolean {
  return statuses.includes(kernel.status);
}

function saysItIsThere(report: KernelReport): boolean {
  return report.state === 'running' || report.state === 'prepared' || report.state === 'pulling';
}

function beGoneFrom({ kernel, node }: Report): Effect {
  return { type: 'tellAgentsToBeGone', params: { placements: [{ kernel, node, slots: {} }] } };
}

function freeing(attempt: number): Effect {
  return { type: 'freeAllocation', params: { attempt } };
}
