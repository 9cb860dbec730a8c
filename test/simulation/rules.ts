import type { OwnerLimits, SchedulerEvent } from '@orrery/bus';
import type { AllocatedSession } from '../../actors/scheduler/allocated-session.ts';
import { policyOf } from '../../actors/scheduler/situation.ts';
import type { SchedulerState } from '../../actors/scheduler/state.ts';
import type { WaitingSession } from '../../actors/scheduler/waiting-session.ts';

type EventOf<Type> = Extract<SchedulerEvent, { readonly type: Type }>;
type Placed = EventOf<'session-placed'>;

/**
 * The rule that an event of the scheduler breaks in the state that it meets. Said once more in the plainest
 * way, as what is checked here is what decided.
 */
export function brokenRule(state: SchedulerState, event: SchedulerEvent): string | undefined {
  if (event.type === 'session-placed') return brokenByPlacing(state, event);
  if (event.type === 'session-preempted' && event.reason === 'preempted')
    return brokenByPreempting(state, event);
  return undefined;
}

function brokenByPlacing(state: SchedulerState, event: Placed): string | undefined {
  const { session, placements } = event;
  const waiting = state.queue.get(session);
  if (waiting === undefined) return `${session} is placed and did not wait`;
  const placed = new Set(placements.map(({ kernel }) => kernel));
  const isWhole = waiting.kernels.every(({ kernel }) => placed.has(kernel));
  if (!isWhole || placed.size !== waiting.kernels.length || placed.size !== placements.length)
    return `${session} is placed in part`;
  const nodes = [...new Set(placements.map(({ node }) => node))];
  if (waiting.clusterMode === 'single-node' && nodes.length > 1)
    return `${session} lies on several nodes`;
  const closed = nodes.find((node) => state.nodes.get(node)?.isSchedulable !== true);
  if (closed !== undefined) return `${session} is placed on ${closed}, which takes no sessions`;
  if (policyOf(state, waiting.group).isActive === false)
    return `${session} is placed in a group that is not active`;
  return brokenLimit(state, waiting) ?? brokenGroup(state, waiting, nodes);
}

function brokenLimit(state: SchedulerState, waiting: WaitingSession): string | undefined {
  const { owner, session, kernels, priority } = waiting;
  const { containersPerSessionMax = Infinity, priorityMax = Infinity } =
    state.limits.get(`keypair:${owner.accessKey}`) ?? {};
  if (kernels.length > containersPerSessionMax) return `${session} has too many kernels`;
  if (priority > priorityMax) return `${session} has too high a priority`;
  const all = [...state.allocations.values()];
  const ofKey = all.filter((one) => one.owner.accessKey === owner.accessKey);
  const ofUser = all.filter((one) => one.owner.userId === owner.userId);
  return (
    exceeded(state, waiting, { key: `keypair:${owner.accessKey}`, held: ofKey }) ??
    exceeded(state, waiting, { key: `user:${owner.userId}`, held: ofUser })
  );
}

function exceeded(
  state: SchedulerState,
  { session, wish }: WaitingSession,
  { key, held }: { readonly key: string; readonly held: readonly AllocatedSession[] },
): string | undefined {
  const limits: OwnerLimits = state.limits.get(key) ?? {};
  if (held.length >= (limits.concurrentSessionsMax ?? Infinity))
    return `${session} is one session too many for ${key}`;
  const cores = [...held, { wish }].reduce(
    (sum, one) => one.wish.terms.slots.reduce((most, { cpu = '0' }) => most + Number(cpu), sum),
    0,
  );
  if (cores > Number(limits.total?.['cpu'] ?? Infinity))
    return `${session} is too large for ${key}`;
  return undefined;
}

/** Sessions that lie strictly apart, or together. */
function brokenGroup(
  state: SchedulerState,
  { session, group, placementGroup }: WaitingSession,
  nodes: readonly string[],
): string | undefined {
  if (placementGroup?.enforcement !== 'strict') return undefined;
  const taken = new Set(
    [...state.allocations.values()]
      .filter((one) => one.group === group && one.placementGroup === placementGroup.name)
      .flatMap(({ placements }) => placements.map(({ node }) => node)),
  );
  if (placementGroup.direction === 'spread' && nodes.some((node) => taken.has(node)))
    return `${session} lies where another of its group does`;
  if (
    placementGroup.direction === 'pack' &&
    taken.size > 0 &&
    !nodes.every((node) => taken.has(node))
  )
    return `${session} lies where none of its group does`;
  return undefined;
}

function brokenByPreempting(
  state: SchedulerState,
  { session, mode, inFavourOf = '' }: EventOf<'session-preempted'>,
): string | undefined {
  const victim = state.allocations.get(session);
  const favoured = state.queue.get(inFavourOf);
  if (victim === undefined || favoured === undefined) return `${session} is preempted for nobody`;
  const { preemption } = policyOf(state, favoured.group);
  if (!preemption.isEnabled || preemption.mode !== mode) return `${session} may not be preempted`;
  if (!victim.isPreemptible || victim.leaving !== undefined) return `${session} is no victim`;
  if (victim.jobPriority >= favoured.jobPriority) return `${session} has the higher job priority`;
  if (preemption.victimScope === 'user' && victim.owner.userId !== favoured.owner.userId)
    return `${session} is preempted for somebody else`;
  return undefined;
}
