import {
  DEFAULT_FAIR_SHARE,
  DEFAULT_GROUP_POLICY,
  err,
  GroupPolicy,
  ok,
  type Rejection,
  ResourceGroupName,
  type Result,
  type SchedulerCommand,
  type SchedulerEvent,
} from '@orrery/bus';
import { refusalOfFairShare } from './fair-share-rules.ts';
import type { SchedulerState } from './state.ts';

/** The group of sessions that name none. */
export const DEFAULT_GROUP = 'default';
export const POLICIES_MAX = 1_000;
export const ACCESS_NAMES_MAX = 256;
export const DESCRIPTION_CHARACTERS_MAX = 512;
export const PENDING_TIMEOUT_MS_MAX = 366 * 24 * 60 * 60 * 1000;
export const SLOT_NAMES_MAX = 18;
export const WEIGHT_MAX = 1_000_000;
export const CONTAINERS_PER_NODE_MAX = 100_000;
/** Starts of one session that a group may say. */
const ATTEMPTS_MAX = 1000;
const PRIORITY_MAX = 100;
const JOB_PRIORITY_MAX = 1_000;

type Command<Type> = Extract<SchedulerCommand, { readonly type: Type }>;
type Administered = Result<readonly SchedulerEvent[], Rejection>;
type AdministeredState = Pick<SchedulerState, 'policies' | 'groups'>;

/** What is left out of the change stays as it is. A policy with which nothing could work is refused. */
export function setGroup(
  { policies }: AdministeredState,
  { group, policy: change }: Command<'set-group'>,
): Administered {
  if (!ResourceGroupName.safeParse(group).success)
    return refuse('name', 'a resource group has 1 to 64 letters, digits, _, - or ., no sign first');
  const known = policies.get(group);
  if (known === undefined && policies.size >= POLICIES_MAX)
    return refuse(
      'name',
      `there are ${POLICIES_MAX} resource groups already, the most there may be`,
    );
  const policy = changed(known ?? DEFAULT_GROUP_POLICY, change);
  const refusal = refusalOfPolicy(policy);
  if (refusal !== undefined) return err(refusal);
  if (JSON.stringify(known) === JSON.stringify(policy)) return ok([]);
  const set: SchedulerEvent = { type: 'group-policy-set', group, policy };
  if (policy.isDefault !== true || known?.isDefault === true) return ok([set]);
  return ok([...noLongerDefault(policies), set]);
}

function noLongerDefault(policies: SchedulerState['policies']): readonly SchedulerEvent[] {
  const before = [...policies].filter(([, { isDefault }]) => isDefault === true);
  return before.map(([group, { isDefault: _, ...policy }]) => {
    return { type: 'group-policy-set', group, policy };
  });
}

/** Null takes away what may be absent. */
function changed(policy: GroupPolicy, change: Command<'set-group'>['policy']): GroupPolicy {
  const preemption = { ...policy.preemption, ...withoutAbsent(change.preemption ?? {}) };
  const fairShare = change.fairShare && {
    ...DEFAULT_FAIR_SHARE,
    ...policy.fairShare,
    ...withoutAbsent(change.fairShare),
    weights: { ...policy.fairShare?.weights, ...withoutAbsent(change.fairShare.weights ?? {}) },
  };
  const sessionDefaults = change.sessionDefaults && {
    ...policy.sessionDefaults,
    ...withoutAbsent(change.sessionDefaults),
  };
  const changes = withoutAbsent({ ...change, fairShare, sessionDefaults });
  const parts = { ...policy, ...changes, preemption };
  const isSet = ([name, value]: [string, unknown]): boolean =>
    value !== null && !(name === 'isDefault' && value === false);
  const kept = Object.entries(parts).filter(isSet);
  return GroupPolicy.parse(Object.fromEntries(kept));
}

function withoutAbsent(parts: object): object {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}

function refusalOfPolicy(policy: GroupPolicy): Rejection | undefined {
  const { allowedSessionTypes, pendingTimeoutMs, description = '' } = policy;
  if (allowedSessionTypes.length === 0)
    return invalid('allowedSessionTypes', 'a resource group takes at least one type of sessions');
  if (new Set(allowedSessionTypes).size < allowedSessionTypes.length)
    return invalid('allowedSessionTypes', 'a type of sessions is named once');
  if (pendingTimeoutMs > PENDING_TIMEOUT_MS_MAX)
    return invalid('pendingTimeoutSeconds', 'a session waits at most 366 days; 0 is for ever');
  if (policy.preemption.runtimeMinMs > PENDING_TIMEOUT_MS_MAX)
    return invalid('preemption.runtimeMinSeconds', 'it is at most 366 days');
  if (description.length > DESCRIPTION_CHARACTERS_MAX || description.includes('\0'))
    return invalid(
      'description',
      `a description has at most ${DESCRIPTION_CHARACTERS_MAX} characters`,
    );
  return (
    refusalOfWeights(policy) ??
    refusalOfAccess(policy) ??
    refusalOfFairShare(policy) ??
    refusalOfPlace(policy)
  );
}

/** Whether sessions that say nothing can be there, and what they would have. */
function refusalOfPlace(policy: GroupPolicy): Rejection | undefined {
  const { isDefault, isActive, access, containersPerNodeMax = 1, sessionDefaults = {} } = policy;
  if (isDefault === true && (isActive === false || access !== undefined))
    return invalid(
      'isDefault',
      'sessions that name no group are in it: it has to be active, and for everybody',
    );
  if (containersPerNodeMax > CONTAINERS_PER_NODE_MAX)
    return invalid(
      'maxContainersPerAgent',
      `it is at most ${CONTAINERS_PER_NODE_MAX} containers; 0 is no limit`,
    );
  const { priority = 0, jobPriority = 0, attemptsMax = 0 } = sessionDefaults;
  if (attemptsMax < 0 || attemptsMax > ATTEMPTS_MAX)
    return invalid(
      'defaultSessionOptions.maxRetryCount',
      `starts are a whole number from 0, which is no limit, to ${ATTEMPTS_MAX}`,
    );
  if (priority < 0 || priority > PRIORITY_MAX)
    return invalid(
      'defaultSessionOptions.priority',
      `a priority is a whole number from 0 to ${PRIORITY_MAX}`,
    );
  if (Math.abs(jobPriority) > JOB_PRIORITY_MAX)
    return invalid(
      'defaultSessionOptions.jobPriority',
      `a job priority is a whole number from -${JOB_PRIORITY_MAX} to ${JOB_PRIORITY_MAX}`,
    );
  return undefined;
}

function refusalOfWeights({ strategy, weights }: GroupPolicy): Rejection | undefined {
  const all = Object.entries(weights ?? {});
  if (all.length > SLOT_NAMES_MAX)
    return invalid('weights', `at most ${SLOT_NAMES_MAX} slots have a weight`);
  for (const [name, weight] of all)
    if (!(weight >= 0 && weight <= WEIGHT_MAX))
      return invalid(`weights.${name}`, `a weight is a number from 0 to ${WEIGHT_MAX}`);
  if (strategy === 'weighted' && !all.some(([, weight]) => weight > 0))
    return invalid('weights', 'the strategy weighted needs a weight over 0 for some slot');
  return undefined;
}

function refusalOfAccess({ access }: GroupPolicy): Rejection | undefined {
  if (access === undefined) return undefined;
  const lists = Object.entries(access);
  for (const [kind, names] of lists) {
    if (names.length > ACCESS_NAMES_MAX)
      return invalid(`access.${kind}`, `at most ${ACCESS_NAMES_MAX} of a kind may be named`);
    if (names.some((name) => !OWNER_KEY.test(name)))
      return invalid(
        `access.${kind}`,
        'each has 1 to 128 letters, digits, _, -, @, + or ., no sign first',
      );
  }
  if (lists.some(([, names]) => names.length > 0)) return undefined;
  return invalid('access', 'a resource group that nobody may use helps nobody; name somebody');
}

/** Refused for the group that is always there, and as long as sessions wait in it or nodes take them. */
export function removeGroup(
  { policies, groups }: AdministeredState,
  { group }: Command<'remove-group'>,
): Administered {
  if (group === DEFAULT_GROUP)
    return err({
      code: 'resource-group-default',
      message: `the resource group ${DEFAULT_GROUP} is always there; it can be changed only`,
      field: 'name',
    });
  if (!policies.has(group)) return ok([]);
  if (policies.get(group)?.isDefault === true)
    return err({
      code: 'resource-group-default',
      message: `sessions that name no group are in ${group}; make another one the default first`,
      field: 'name',
    });
  const known = groups.get(group);
  const waitingSessions = [...(known?.waiting.values() ?? [])].reduce(
    (sum, count) => sum + count,
    0,
  );
  const nodes = [...(known?.nodes.values() ?? [])];
  const agents = nodes.filter(({ isSchedulable }) => isSchedulable).length;
  if (waitingSessions + agents === 0) return ok([{ type: 'group-removed', group }]);
  return err({
    code: 'resource-group-in-use',
    message: `${waitingSessions} session(s) wait in it and ${agents} agent(s) belong to it`,
    field: 'name',
    details: { waitingSessions, agents },
  });
}

/** An access key, an id or a name. */
export const OWNER_KEY = /^[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}$/;

function refuse(field: string, message: string): Administered {
  return err(invalid(field, message));
}

function invalid(field: string, message: string): Rejection {
  return { code: 'resource-group-invalid', message, field };
}
