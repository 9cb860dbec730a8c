import type {
  ClusterNetwork,
  KernelRequest,
  Placement,
  SessionEvent,
  SessionRequest,
} from '@orrery/bus';
import { assign, setup } from 'xstate';
import { compile, type StateOf } from '../runtime/compiled-machine.ts';
import { type KernelContext, type KernelEvent, kernelRules } from './kernel/machine.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/** A kernel as its session keeps it: enough to fold its next event. */
export interface Kernel {
  readonly request: KernelRequest;
  readonly status: string;
  readonly context: KernelContext;
}

export interface SessionContext {
  readonly request?: SessionRequest;
  /** Starts tried so far; the scheduler's answers carry it, so a late one is told from a new one. */
  readonly attempt: number;
  readonly placements: readonly Placement[];
  /** How the kernels of this attempt reach each other. */
  readonly network?: ClusterNetwork | undefined;
  readonly isNetworkReady?: boolean | undefined;
  /** A report that answers an older wish is about an earlier attempt. */
  readonly wishesFrom?: number | undefined;
  /** Its place in the queue, also when it waits again. */
  readonly queuedAtMs?: number | undefined;
  /** Absent: as asked for. */
  readonly priority?: number;
  /** Of the newest code that somebody ran inside. */
  readonly lastRunId?: string;
  readonly failedOn?: readonly FailedOn[];
  readonly kernels: Readonly<Record<string, Kernel>>;
  readonly result?: 'success' | 'failure';
  readonly ending?: Ending;
  /** Why the end will be ERROR. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

/** What one start of a session had for a network. */
export type NetworkOfAttempt = Pick<SessionContext, 'attempt' | 'network'>;

/** A node where a start failed. */
export interface FailedOn {
  readonly node: string;
  readonly untilMs: number;
}

/** The newest are remembered. */
const FAILED_ON_MAX = 16;

export interface Ending {
  readonly reason: string;
  readonly mode: 'graceful' | 'force';
  /** What failed or was not there for an older wish says nothing about the end. */
  readonly wishesFrom?: number | undefined;
}

/** Parameters are taken where the action stands, so before a `remember` they hold what was. */
const beGone = {
  type: 'tellAgentsToBeGone',
  params: ({ context }: { readonly context: SessionContext }) => ({
    placements: context.placements,
  }),
} as const;
const dropNetwork = {
  type: 'tellNodeToDropNetwork',
  params: ({ context }: { readonly context: SessionContext }) => ({
    attempt: context.attempt,
    network: context.network,
  }),
} as const;
const free = {
  type: 'freeAllocation',
  params: ({ context }: { readonly context: SessionContext }) => ({ attempt: context.attempt }),
} as const;

/**
 * The lifecycle of a session: which event is legal when. `meta` declares how long a state may last
 * (`deadlineMs`) and after what time without news the world is asked again (`reconcileMs`).
 */
export const sessionMachine = setup({
  types: {
    context: {} as SessionContext,
    events: {} as SessionEvent,
    meta: {} as {
      readonly reconcileMs: number;
      readonly reconcileMsMax?: number;
      readonly deadlineMs?: number;
    },
  },
  guards: {
    kernelTakes: ({ context, event }) => isKernelEvent(event) && kernelTakes(context, event),
    wasPlaced: ({ context }) => context.attempt > 1 || context.placements.length > 0,
  },
  actions: {
    foldKernel: assign(({ context, event }) =>
      isKernelEvent(event) ? { kernels: withKernel(context, event) } : {},
    ),
    remember: assign(({ context, event }) => remembered(context, event)),
    askForPlacement: () => {},
    tellPriority: () => {},
    tellAgentsToPrepare: () => {},
    tellAgentsToRun: () => {},
    tellAgentsToBeGone: (_, _params: { readonly placements: readonly Placement[] }) => {},
    tellNodeToDropNetwork: (_, _params: NetworkOfAttempt) => {},
    freeAllocation: (_, _params: { readonly attempt: number }) => {},
  },
}).createMachine({
  id: 'session',
  context: { attempt: 0, placements: [], kernels: {} },
  initial: 'absent',
  on: {
    'kernel-scheduled': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-preparing': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-pulling': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-prepared': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-creating': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-running': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-terminating': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-terminated': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-cancelled': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-failed': { guard: 'kernelTakes', actions: 'foldKernel' },
    'kernel-requeued': { guard: 'kernelTakes', actions: 'foldKernel' },
    'session-used': { guard: 'wasPlaced', actions: 'remember' },
  },
  states: {
    absent: { on: { 'session-enqueued': { target: 'pending', actions: 'remember' } } },
    pending: {
      // A long queue that asks again every few minutes would keep an idle cluster busy.
      meta: { reconcileMs: 5 * MINUTE_MS, reconcileMsMax: 240 * MINUTE_MS },
      entry: 'askForPlacement',
      on: {
        'session-scheduled': { target: 'scheduled', actions: 'remember' },
        'session-cancelled': { target: 'cancelled', actions: ['remember', free] },
        'session-priority-changed': { actions: ['remember', 'tellPriority'] },
      },
    },
    scheduled: {
      meta: { reconcileMs: 30 * SECOND_MS, deadlineMs: 10 * MINUTE_MS },
      on: {
        'session-preparing': 'preparing',
        'session-terminating': { target: 'terminating', actions: 'remember' },
        'session-failed': { target: 'failed', actions: [beGone, 'remember'] },
        'session-requeued': {
          target: 'pending',
          actions: [beGone, dropNetwork, free, 'remember'],
        },
      },
    },
    preparing: {
      meta: { reconcileMs: 30 * SECOND_MS, deadlineMs: 30 * MINUTE_MS },
      entry: 'tellAgentsToPrepare',
      on: {
        'session-network-ready': { actions: 'remember' },
        'session-prepared': 'prepared',
        'session-terminating': { target: 'terminating', actions: 'remember' },
        'session-failed': { target: 'failed', actions: [beGone, 'remember'] },
        'session-requeued': {
          target: 'pending',
          actions: [beGone, dropNetwork, free, 'remember'],
        },
      },
    },
    prepared: {
      meta: { reconcileMs: 30 * SECOND_MS, deadlineMs: 10 * MINUTE_MS },
      on: {
        'session-creating': 'creating',
        'session-terminating': { target: 'terminating', actions: 'remember' },
        'session-failed': { target: 'failed', actions: [beGone, 'remember'] },
        'session-requeued': {
          target: 'pending',
          actions: [beGone, dropNetwork, free, 'remember'],
        },
      },
    },
    creating: {
      meta: { reconcileMs: 20 * SECOND_MS, deadlineMs: 10 * MINUTE_MS },
      entry: 'tellAgentsToRun',
      on: {
        'session-running': 'running',
        'session-finished': { actions: 'remember' },
        'session-terminating': { target: 'terminating', actions: 'remember' },
        'session-failed': { target: 'failed', actions: [beGone, 'remember'] },
        'session-requeued': {
          target: 'pending',
          actions: [beGone, dropNetwork, free, 'remember'],
        },
      },
    },
    running: {
      meta: { reconcileMs: 5 * MINUTE_MS },
      on: {
        'session-finished': { actions: 'remember' },
        'session-terminating': { target: 'terminating', actions: 'remember' },
        'session-requeued': {
          target: 'pending',
          actions: [beGone, dropNetwork, free, 'remember'],
        },
      },
    },
    terminating: {
      meta: { reconcileMs: 15 * SECOND_MS, deadlineMs: 20 * MINUTE_MS },
      entry: beGone,
      on: {
        'session-finished': { actions: 'remember' },
        'session-forced': { actions: ['remember', beGone] },
        'session-terminated': { target: 'terminated', actions: 'remember' },
        'session-failed': { target: 'failed', actions: 'remember' },
      },
    },
    terminated: { type: 'final', entry: [dropNetwork, free] },
    cancelled: { type: 'final' },
    failed: { type: 'final', entry: [dropNetwork, free] },
  },
});

export type SessionSnapshot = StateOf<typeof sessionMachine>;

/** The machine as tables. */
export const sessionRules = compile(sessionMachine);

export function isKernelEvent(event: SessionEvent): event is KernelEvent {
  return event.type.startsWith('kernel-');
}

/** Whether a kernel in that status is over: asked of its machine, listed nowhere else. */
export function isKernelOver(kernel: Kernel): boolean {
  return standingOf(kernel).status === 'done';
}

/** Whether the session has one kernel, for which nothing waits and which waits for nothing. */
export function isAlone({ context }: SessionSnapshot): boolean {
  return Object.keys(context.kernels).length === 1;
}

function standingOf({ status, context }: Kernel) {
  return kernelRules.resolve({ value: status, context });
}

function kernelTakes(context: SessionContext, event: KernelEvent): boolean {
  const kernel = context.kernels[event.kernel];
  return kernel !== undefined && kernelRules.can(standingOf(kernel), event);
}

function withKernel(context: SessionContext, event: KernelEvent): SessionContext['kernels'] {
  const kernel = context.kernels[event.kernel];
  if (kernel === undefined) return context.kernels;
  const next = kernelRules.apply(standingOf(kernel), event)?.state;
  if (next === undefined) return context.kernels;
  return {
    ...context.kernels,
    [event.kernel]: { ...kernel, status: next.value, context: next.context },
  };
}

function remembered(context: SessionContext, event: SessionEvent): Partial<SessionContext> {
  switch (event.type) {
    case 'session-enqueued': {
      const kernels = event.request.kernels.map((request): readonly [string, Kernel] => [
        request.id,
        { request, status: 'PENDING', context: {} },
      ]);
      return {
        request: event.request,
        attempt: 1,
        kernels: Object.fromEntries(kernels),
        ...(event.queuedAtMs === undefined ? {} : { queuedAtMs: event.queuedAtMs }),
      };
    }
    case 'session-scheduled':
      return {
        placements: event.placements,
        wishesFrom: event.wishesFrom,
        ...(event.network === undefined ? {} : { network: event.network }),
      };
    case 'session-network-ready':
      return { isNetworkReady: true };
    case 'session-requeued':
      return {
        placements: [],
        attempt: context.attempt + 1,
        ...withoutNetwork(context),
        ...withFailures(context, event),
      };
    case 'session-priority-changed':
      return { priority: event.priority };
    case 'session-used':
      return 'runId' in event.use ? { lastRunId: event.use.runId } : {};
    case 'session-finished':
      return { result: event.result };
    case 'session-terminating':
      return {
        ending: { reason: event.reason, mode: event.mode, wishesFrom: event.wishesFrom },
      };
    case 'session-forced':
      return { ending: { ...context.ending, reason: event.reason, mode: 'force' } };
    case 'session-failed':
      return { failure: { reason: event.reason, message: event.message } };
    default:
      return {};
  }
}

/** Sessions without one, which most are, keep their small state. */
function withoutNetwork({ network }: SessionContext): Partial<SessionContext> {
  return network === undefined ? {} : { network: undefined, isNetworkReady: undefined };
}

function withFailures(
  { failedOn: before = [] }: SessionContext,
  { failedOn }: Extract<SessionEvent, { readonly type: 'session-requeued' }>,
): Partial<SessionContext> {
  if (failedOn === undefined) return {};
  const { nodes, untilMs } = failedOn;
  const others = before.filter(({ node }) => !nodes.includes(node));
  const all = [...others, ...nodes.map((node) => ({ node, untilMs }))];
  return { failedOn: all.slice(-FAILED_ON_MAX) };
}
