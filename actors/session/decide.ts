import {
  err,
  type KernelEndpoint,
  type KernelReport,
  ok,
  type SessionCommand,
  type SessionEvent,
  type SessionRequest,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decided, Decision, Effect } from '../runtime/aggregate.ts';
import { reconcile } from './effects.ts';
import {
  isAlone,
  isKernelOver,
  type Kernel,
  type SessionSnapshot,
  sessionRules,
} from './machine.ts';
import { type Conclude, reportNetwork } from './network.ts';
import { place } from './place.ts';
import { promote } from './promote.ts';
import { failedAgainst, mayRequeue, requeued } from './requeue.ts';
import { noteUse } from './use.ts';

/** Failures of a start that another node, or a later moment, may not have. */
const RETRYABLE = new Set([
  'engine-unavailable',
  'node-full',
  'port-taken',
  'disk-full',
  'image-not-here',
  'agent-restarted',
]);

type Now = Pick<Circumstances, 'id' | 'revision' | 'nowMs'>;
type Report = Extract<SessionCommand, { readonly type: 'report-kernel' }>;
type Exited = Extract<KernelReport, { readonly state: 'exited' }>;
type Ran = NonNullable<Exited['ran']>;

export function decide(
  session: SessionSnapshot,
  command: SessionCommand,
  now: Now,
): Decision<SessionEvent> {
  const { revision } = now;
  const conclude: Conclude = (happened) => ok(concluded(session, happened, revision));
  switch (command.type) {
    case 'enqueue':
      return enqueue(session, command.request, now);
    case 'place':
      return place(session, command, { revision, conclude });
    case 'report-kernel':
      return reportKernel(session, command, now);
    case 'report-network':
      return reportNetwork(session, command, { ...now, conclude });
    case 'terminate':
      return terminate(session, command, revision);
    case 'requeue':
      return requeue(session, command, revision);
    case 'look-after-node':
      return lookAfterNode(session, command, now);
    case 'set-priority':
      return setPriority(session, command.priority);
    case 'note-use':
      return noteUse(session, command);
    case 'tell-outcome':
      return ok({ events: [], effects: tellOutcome(session, command) });
    case 'pass-deadline':
      return ok(concluded(session, [passDeadline(session, now)], revision));
    default:
      return unreachable(command);
  }
}

function enqueue(
  session: SessionSnapshot,
  request: SessionRequest,
  { id, nowMs }: Now,
): Decision<SessionEvent> {
  const known = session.context.request;
  if (known === undefined) {
    return ok({
      events: [{ type: 'session-enqueued', session: id, request, queuedAtMs: nowMs }],
    });
  }
  if (JSON.stringify(known) === JSON.stringify(request)) return ok({ events: [] });
  return err({
    code: 'idempotency-key-reused',
    message: 'this idempotency key was used for another request',
    field: 'idempotencyKey',
  });
}

function terminate(
  session: SessionSnapshot,
  command: Extract<SessionCommand, { readonly type: 'terminate' }>,
  revision: number,
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
  return ok(concluded(session, [[{ type: 'session-terminating', reason, mode }]], revision));
}

/** What the scheduler takes back. A session that is ending, or waits already, goes its way. */
function requeue(
  session: SessionSnapshot,
  command: Extract<SessionCommand, { readonly type: 'requeue' }>,
  revision: number,
): Decision<SessionEvent> {
  const { context } = session;
  const isStanding =
    session.status === 'done' || ['absent', 'pending', 'terminating'].includes(session.value);
  if (isStanding || context.attempt !== command.attempt) return ok({ events: [] });
  if (Object.values(context.kernels).some(isKernelOver)) return ok({ events: [] });
  const { reason, message } = command;
  return ok(concluded(session, [requeued(session, { reason, message })], revision));
}

/**
 * A node that is lost may come back with what runs there, which is asked for then; what has not started can start
 * elsewhere at once.
 */
function lookAfterNode(
  session: SessionSnapshot,
  { attempt, node, change }: Extract<SessionCommand, { readonly type: 'look-after-node' }>,
  now: Now,
): Decision<SessionEvent> {
  const { context } = session;
  if (session.status === 'done' || session.matches('pending') || attempt !== context.attempt)
    return ok({ events: [] });
  if (change === 'returned') return ok({ events: [], effects: reconcile(session) });
  const there = Object.values(context.kernels).filter((kernel) => kernel.context.node === node);
  if (there.length === 0 || !mayRequeue(session)) return ok({ events: [] });
  const failedOn = failedAgainst(there, now);
  const message = `The agent ${node} was lost before it started.`;
  const why = { reason: 'node-lost', message, failedOn };
  return ok(concluded(session, [requeued(session, why)], now.revision));
}

function tellOutcome(
  session: SessionSnapshot,
  { attempt }: Extract<SessionCommand, { readonly type: 'tell-outcome' }>,
): readonly Effect[] {
  if (session.status !== 'done' && !session.matches('absent')) return [];
  return [
    attempt === undefined
      ? { type: 'tellOutcome' }
      : { type: 'freeAllocation', params: { attempt } },
  ];
}

function setPriority(session: SessionSnapshot, priority: number): Decision<SessionEvent> {
  if (session.matches('absent'))
    return err({ code: 'session-not-found', message: 'there is no such session', field: 'id' });
  const { request, priority: present = request?.priority } = session.context;
  if (present === priority) return ok({ events: [] });
  if (!session.matches('pending'))
    return err({ code: 'session-not-pending', message: 'the session does not wait', field: 'id' });
  return ok({ events: [{ type: 'session-priority-changed', priority }] });
}

function kernelsCancelled(session: SessionSnapshot, reason: string): readonly SessionEvent[] {
  return Object.keys(session.context.kernels).map((kernel) => ({
    type: 'kernel-cancelled',
    kernel,
    reason,
  }));
}

/** What happened, one thing after the other, and after each all that follows by the rules of promotion. */
function concluded(
  session: SessionSnapshot,
  happened: readonly (readonly SessionEvent[])[],
  revision: number,
): Decided<SessionEvent> {
  const events: SessionEvent[] = [];
  const effects: Effect[] = [];
  let state = session;
  for (const first of happened) {
    for (let next = first; next.length > 0; next = promote(state)) {
      for (const named of next) {
        const event =
          named.type === 'session-terminating' ? { ...named, wishesFrom: revision + 1 } : named;
        events.push(event);
        const applied = sessionRules.apply(state, event);
        if (applied === undefined) return { events };
        state = applied.state;
        effects.push(...applied.effects);
      }
    }
  }
  return { events, applied: { state, effects } };
}

function reportKernel(session: SessionSnapshot, command: Report, now: Now): Decision<SessionEvent> {
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
  if (isOutdated(session, command)) return ok({ events: [] });
  return ok(concluded(session, eventsOf(session, kernel, { ...command, now }), now.revision));
}

/** Of an earlier attempt, or of before the end was wished for where only an answer to that can end a kernel. */
function isOutdated(
  { context: { wishesFrom = 0, ending } }: SessionSnapshot,
  { wishRevision, report }: Report,
): boolean {
  const isOfNothing = report.state === 'failed' || report.state === 'absent';
  return wishRevision < (isOfNothing ? Math.max(wishesFrom, ending?.wishesFrom ?? 0) : wishesFrom);
}

/** Events of what was seen of a kernel that is not over, on the node where it belongs; as `concluded` takes them. */
function eventsOf(
  session: SessionSnapshot,
  kernel: Kernel,
  command: Report & { readonly now: Now },
): readonly (readonly SessionEvent[])[] {
  const { kernel: id, report } = command;
  switch (report.state) {
    case 'pulling': {
      const { progress } = report;
      const isNews = kernel.status === 'PULLING' && progress !== undefined;
      if (kernel.status !== 'PREPARING' && !isNews) return [];
      return [[{ type: 'kernel-pulling', kernel: id, ...(progress && { progress }) }]];
    }
    case 'prepared':
      return isOneOf(kernel, ['PREPARING', 'PULLING'])
        ? [[{ type: 'kernel-prepared', kernel: id, ...ofEndpoint(report.endpoint) }]]
        : [];
    case 'running':
      return begun(session, kernel, { command, ran: report });
    case 'exited': {
      const start = begun(session, kernel, { command, ran: report.ran });
      if (start.length === 0 && !isOneOf(kernel, ['CREATING', 'RUNNING', 'TERMINATING'])) return [];
      return [...start, [terminated(id, report)]];
    }
    case 'failed':
      return [failed(session, kernel, { ...command, report })];
    case 'absent': {
      if (kernel.status === 'RUNNING') return [[vanished(id, 'container-not-found')]];
      if (kernel.status === 'TERMINATING')
        return [[vanished(id, session.context.ending?.reason ?? 'unknown')]];
      return [];
    }
    default:
      return unreachable(report);
  }
}

function ofEndpoint(endpoint: KernelEndpoint | undefined): { readonly endpoint?: KernelEndpoint } {
  return endpoint === undefined ? {} : { endpoint };
}

/** What a kernel went through until it ran, as far as nobody told of it yet. */
function begun(
  session: SessionSnapshot,
  kernel: Kernel,
  { command: { kernel: id }, ran }: { readonly command: Report; readonly ran: Ran | undefined },
): readonly (readonly SessionEvent[])[] {
  const running: readonly SessionEvent[] =
    ran === undefined
      ? []
      : [
          {
            type: 'kernel-running',
            kernel: id,
            containerId: ran.containerId,
            startedAtMs: ran.startedAtMs,
            ...(ran.devices === undefined ? {} : { devices: ran.devices }),
          },
        ];
  if (kernel.status === 'CREATING') return ran === undefined ? [] : [running];
  if (!isAlone(session) || !isOneOf(kernel, ['PREPARING', 'PULLING'])) return [];
  return [[{ type: 'kernel-prepared', kernel: id }], running];
}

function terminated(
  kernel: string,
  { exitCode, wasOutOfMemory, finishedAtMs, isRemoved, ...report }: Exited,
): SessionEvent {
  return {
    type: 'kernel-terminated',
    kernel,
    reason: wasOutOfMemory ? 'out-of-memory' : report.reason,
    exitCode,
    wasOutOfMemory,
    finishedAtMs,
    ...(isRemoved === undefined ? {} : { isRemoved }),
  };
}

function failed(
  session: SessionSnapshot,
  kernel: Kernel,
  {
    kernel: id,
    report,
    now,
  }: {
    readonly kernel: string;
    readonly report: Extract<KernelReport, { readonly state: 'failed' }>;
    readonly now: Now;
  },
): readonly SessionEvent[] {
  const { step, code, message } = report;
  if (kernel.status === 'TERMINATING') return [vanished(id, code)];
  if (kernel.status === 'RUNNING') return [];
  if (RETRYABLE.has(code) && mayRequeue(session)) {
    const failedOn = failedAgainst([kernel], now);
    return requeued(session, { reason: code, message, failedOn });
  }
  return [{ type: 'kernel-failed', kernel: id, step, code, message }];
}

function passDeadline(session: SessionSnapshot, now: Now): readonly SessionEvent[] {
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
  const unstarted = unended.filter(([, kernel]) => kernel.status !== 'RUNNING');
  if (mayRequeue(session)) {
    const failedOn = failedAgainst(
      unstarted.map(([, kernel]) => kernel),
      now,
    );
    return requeued(session, { reason: code, message, failedOn });
  }
  return unstarted.map(([kernel]) => ({
    type: 'kernel-failed',
    kernel,
    step: 'start',
    code,
    message,
  }));
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
