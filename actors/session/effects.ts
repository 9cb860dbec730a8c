import {
  known,
  type Placement,
  type QueuedSession,
  SCHEDULER_ID,
  type SchedulerCommand,
  type SessionOutcome,
} from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import { kernelSpec } from './kernel-spec.ts';
import {
  isAlone,
  isKernelOver,
  type Kernel,
  type NetworkOfAttempt,
  type SessionSnapshot,
} from './machine.ts';
import { drop, dropOfAttempt, type MadeNetwork, networkWish } from './network.ts';

/** Time a program has between the stop signal and the kill. */
const GRACE_MS = 10_000;

interface At {
  readonly id: string;
  readonly revision: number;
}

/** The messages of one named effect. */
export function messages(effect: Effect, session: SessionSnapshot, at: At): readonly Outgoing[] {
  switch (effect.type) {
    case 'askForPlacement':
      return [askForPlacement(session, at)];
    case 'tellAgentsToPrepare':
      // A kernel that is alone waits for no other: it may run as soon as it can.
      return isAlone(session)
        ? tellAgents(session, at, 'run')
        : [...networkWish(session, at), ...tellAgents(session, at, 'be-prepared')];
    case 'tellAgentsToRun':
      // What runs already, or is over by now, need not be told.
      return session.matches('creating') ? tellAgents(session, at, 'run') : [];
    case 'askAgentsToReport':
      return placed(session).map(({ kernel, node }) => ({
        to: 'agent',
        node,
        key: kernel.request.id,
        wish: { shall: 'report', revision: at.revision, kernel: kernel.request.id, session: at.id },
      }));
    case 'tellAgentsToBeGone':
      return beGone(session, at, effect.params as { readonly placements: readonly Placement[] });
    case 'tellNodeToDropNetwork':
      return dropOfAttempt(session, effect.params as NetworkOfAttempt, at);
    case 'tellNodeToDropNamed':
      return drop(effect.params as MadeNetwork, at);
    case 'freeAllocation': {
      const { attempt } = effect.params as { readonly attempt: number };
      return [toScheduler({ type: 'release', session: at.id, attempt, ...ofOutcome(session) })];
    }
    case 'tellPriority': {
      const { priority = known(session.context.request).priority } = session.context;
      return [toScheduler({ type: 'set-priority', session: at.id, priority })];
    }
    case 'tellOutcome':
      return [toScheduler({ type: 'finish', session: at.id, result: outcomeOf(session) })];
    default:
      throw new Error(
        `the session machine names an effect that nobody carries out: ${effect.type}`,
      );
  }
}

/** What asks the scheduler or the nodes again in the present state. */
export function reconcile(session: SessionSnapshot): readonly Effect[] {
  switch (session.value) {
    case 'pending':
      return [{ type: 'askForPlacement' }];
    case 'scheduled':
    case 'preparing':
      return [{ type: 'tellAgentsToPrepare' }];
    case 'prepared':
    case 'creating':
      return [{ type: 'tellAgentsToRun' }];
    case 'running':
      return [{ type: 'askAgentsToReport' }];
    case 'terminating':
      return [{ type: 'tellAgentsToBeGone', params: { placements: unended(session) } }];
    default:
      return [];
  }
}

function askForPlacement(session: SessionSnapshot, at: At): Outgoing {
  const request = known(session.context.request);
  const { resourceGroup, architecture, clusterMode, owner, sessionType, batchTimeoutMs } = request;
  const { startsAtMs, dependencies, designated, placementGroup, jobPriority, isPreemptible } =
    request;
  const { attempt, queuedAtMs, failedOn, priority = request.priority } = session.context;
  const queued = defined<QueuedSession>({
    session: at.id,
    attempt,
    resourceGroup,
    architecture,
    image: request.kernels[0]?.image,
    clusterMode,
    priority,
    owner: defined<QueuedSession['owner']>({
      userId: owner.userId,
      projectId: owner.projectId,
      domain: owner.domain,
      accessKey: owner.accessKey,
    }),
    kernels: request.kernels.map(({ id, slots }) => ({ kernel: id, slots })),
    sessionType,
    queuedAtMs,
    startsAtMs,
    dependencies,
    designated,
    placementGroup,
    jobPriority,
    isPreemptible,
    runsAtMostMs: batchTimeoutMs,
    failedOn: failedOn && [...failedOn],
  });
  return toScheduler({ type: 'queue', queued });
}

/** Without the keys that have no value: absent is not the same as undefined on the way. */
function defined<Value extends object>(
  value: {
    readonly [Key in keyof Value]: Value[Key] | undefined;
  },
): Value {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries) as Value;
}

function toScheduler(command: SchedulerCommand): Outgoing {
  return { to: 'actor', aggregate: 'scheduler', id: SCHEDULER_ID, command };
}

/** Whether those who depend on it may start (reference: a batch session has to end with success). */
function outcomeOf(session: SessionSnapshot): SessionOutcome {
  const { request, result } = session.context;
  const isDone = session.matches('terminated');
  if (request?.sessionType === 'batch')
    return isDone && result === 'success' ? 'success' : 'failure';
  return isDone ? 'success' : 'failure';
}

function ofOutcome(session: SessionSnapshot): { readonly result?: SessionOutcome } {
  return session.status === 'done' ? { result: outcomeOf(session) } : {};
}

function tellAgents(
  session: SessionSnapshot,
  at: At,
  shall: 'be-prepared' | 'run',
): readonly Outgoing[] {
  return placed(session).map(({ kernel, node }) => ({
    to: 'agent',
    node,
    key: kernel.request.id,
    wish: { shall, revision: at.revision, spec: kernelSpec(session, kernel, at.id) },
  }));
}

function beGone(
  session: SessionSnapshot,
  at: At,
  { placements }: { readonly placements: readonly Placement[] },
): readonly Outgoing[] {
  const { ending } = session.context;
  const isGraceful = ending !== undefined && ending.mode === 'graceful';
  const isLeft = ({ kernel }: Placement): boolean =>
    session.context.kernels[kernel]?.context.isRemoved !== true;
  return placements.filter(isLeft).map(({ kernel, node }) => ({
    to: 'agent',
    node,
    key: kernel,
    wish: {
      shall: 'be-gone',
      revision: at.revision,
      kernel,
      session: at.id,
      graceMs: isGraceful ? GRACE_MS : 0,
      reason: ending?.reason ?? 'unknown',
    },
  }));
}

function unended(session: SessionSnapshot): readonly Placement[] {
  return session.context.placements.filter(({ kernel }) => {
    const state = session.context.kernels[kernel];
    return state !== undefined && !isKernelOver(state);
  });
}

function placed(
  session: SessionSnapshot,
): readonly { readonly kernel: Kernel; readonly node: string }[] {
  return unended(session).map(({ kernel, node }) => ({
    kernel: known(session.context.kernels[kernel]),
    node,
  }));
}
