import {
  type Ending,
  type FailedCheck,
  type GroupPolicy,
  type Held,
  idOf,
  type KeypairLimits,
  type OwnerKind,
  type PendingView,
  type SessionsMax,
  type Situation,
} from './model.ts';
import { plus, sum, type Vector, zero } from './vector.ts';
import type { WaitingSessions } from './waiting.ts';

/** What the checks of one session look at: the situation as this pass has left it so far. */
export interface CheckContext {
  readonly situation: Situation;
  readonly policy: GroupPolicy;
  readonly usage: UsageLedger;
  readonly waiting: WaitingSessions;
  readonly describe: (slots: Vector) => string;
}

/** @returns the message of the failure. */
type Check = (session: PendingView, context: CheckContext) => string | undefined;

/** Reference: names and messages of the predicates. All are evaluated; those of `publicOnly` not for system sessions. */
const always: Readonly<Record<string, Check>> = {
  resource_group_active: groupActive,
  resource_group_access: groupAccess,
  allowed_session_types: sessionTypes,
  reserved_time: reservedTime,
  dependencies,
  concurrency,
};

const publicOnly: Readonly<Record<string, Check>> = {
  user_concurrency: (session, context) =>
    tooMany(session, context, { kind: 'user', id: session.owner.userId }),
  project_concurrency: (session, context) =>
    tooMany(session, context, { kind: 'project', id: session.owner.projectId }),
  domain_concurrency: (session, context) =>
    tooMany(session, context, { kind: 'domain', id: session.owner.domain }),
  container_limit: containers,
  priority_limit: priorities,
  pending_session_count_limit: (session, context) => pendingCount(session, context, 'keypair'),
  pending_session_resource_limit: (session, context) => pendingSlots(session, context, 'keypair'),
  user_pending_session_count_limit: (session, context) => pendingCount(session, context, 'user'),
  user_pending_session_resource_limit: (session, context) => pendingSlots(session, context, 'user'),
  user_group_pending_session_count_limit: (session, context) =>
    pendingCount(session, context, 'project'),
  user_group_pending_session_resource_limit: (session, context) =>
    pendingSlots(session, context, 'project'),
  domain_pending_session_count_limit: (session, context) =>
    pendingCount(session, context, 'domain'),
  domain_pending_session_resource_limit: (session, context) =>
    pendingSlots(session, context, 'domain'),
  keypair_resource_limit: (session, context) =>
    exceeded(session, context, {
      kind: 'keypair',
      id: session.owner.accessKey,
      limit: limitsOf(session, context)?.total,
      words: 'Your keypair resource quota is exceeded.',
    }),
  user_resource_limit: (session, context) =>
    exceeded(session, context, {
      kind: 'user',
      id: session.owner.userId,
      limit: context.situation.limits.users.get(session.owner.userId),
      words: 'Your main-keypair resource quota is exceeded.',
    }),
  user_group_resource_limit: (session, context) =>
    exceeded(session, context, {
      kind: 'project',
      id: session.owner.projectId,
      limit: context.situation.limits.projects.get(session.owner.projectId),
      words: 'Your group resource quota is exceeded.',
    }),
  domain_resource_limit: (session, context) =>
    exceeded(session, context, {
      kind: 'domain',
      id: session.owner.domain,
      limit: context.situation.limits.domains.get(session.owner.domain),
      words: 'Your domain resource quota is exceeded.',
    }),
};

const inOrder = [
  ...Object.entries(always).map(([name, check]) => ({ name, check, isPublicOnly: false })),
  ...Object.entries(publicOnly).map(([name, check]) => ({ name, check, isPublicOnly: true })),
];

const NONE: readonly FailedCheck[] = [];

/** Every check that the session fails. */
export function failedChecks(session: PendingView, context: CheckContext): readonly FailedCheck[] {
  let failed: FailedCheck[] | undefined;
  const isSystem = session.sessionType === 'system';
  for (const { name, check, isPublicOnly } of inOrder) {
    if (isPublicOnly && isSystem) continue;
    const message = check(session, context);
    if (message === undefined) continue;
    failed ??= [];
    failed.push({ name, message });
  }
  return failed ?? NONE;
}

/** What waiting for others to leave the queue ends: the rest depends on what changes from outside. */
export const PENDING_CHECKS: ReadonlySet<string> = new Set(
  Object.keys(publicOnly).filter((name) => /pending_session_(count|resource)_limit$/.test(name)),
);

/** Whether it will never be placed: it waited too long, or what it depends on has failed. */
export function endingOf(
  session: PendingView,
  { pendingTimeoutMs }: Pick<GroupPolicy, 'pendingTimeoutMs'>,
  nowMs: number,
): Ending | undefined {
  if (session.dependencies.some(({ state }) => state === 'failed')) {
    const failed = session.dependencies.filter(({ state }) => state === 'failed');
    const names = failed.map(({ name, session: id }) => `${name} (${id})`).join(', ');
    const message = `It depends on sessions that did not succeed: ${names}.`;
    return { session: session.session, reason: 'dependency-failed', message };
  }
  if (pendingTimeoutMs > 0 && nowMs >= session.queuedAtMs + pendingTimeoutMs) {
    const message = `It waited longer than the resource group allows (${pendingTimeoutMs / 1000} s).`;
    return { session: session.session, reason: 'pending-timeout', message };
  }
  return undefined;
}

/** When time alone ends what holds the session back, or the session. */
export function dueAtMs(
  session: PendingView,
  { pendingTimeoutMs }: Pick<GroupPolicy, 'pendingTimeoutMs'>,
  nowMs: number,
): number {
  const { startsAtMs, queuedAtMs } = session;
  const start = startsAtMs !== undefined && startsAtMs > nowMs ? startsAtMs : Infinity;
  const end = pendingTimeoutMs > 0 ? queuedAtMs + pendingTimeoutMs : Infinity;
  return Math.min(start, end > nowMs ? end : Infinity);
}

function groupActive({ group }: PendingView, { policy }: CheckContext): string | undefined {
  return policy.isActive === false ? `The resource group ${group} is not active.` : undefined;
}

function groupAccess({ owner, group }: PendingView, { policy }: CheckContext): string | undefined {
  const { access } = policy;
  if (access === undefined) return undefined;
  const isAllowed =
    access.domains.includes(owner.domain) ||
    access.projects.includes(owner.projectId) ||
    access.accessKeys.includes(owner.accessKey);
  return isAllowed ? undefined : `You do not have access to the resource group ${group}.`;
}

function sessionTypes(
  { sessionType, group }: PendingView,
  { policy }: CheckContext,
): string | undefined {
  if (policy.allowedSessionTypes.includes(sessionType)) return undefined;
  return `The resource group ${group} does not accept ${sessionType} sessions.`;
}

function reservedTime(
  { startsAtMs }: PendingView,
  { situation }: CheckContext,
): string | undefined {
  return startsAtMs !== undefined && situation.nowMs < startsAtMs ? 'Before start time' : undefined;
}

function dependencies({ dependencies: all }: PendingView): string | undefined {
  if (all.length === 0) return undefined;
  const open = all.filter(({ state }) => state !== 'succeeded');
  if (open.length === 0) return undefined;
  const names = open.map(({ name, session }) => `${name} (${session})`).join(', ');
  return `Waiting dependency sessions to finish as success. (${names})`;
}

function concurrency(session: PendingView, context: CheckContext): string | undefined {
  const limits = limitsOf(session, context);
  const isSystem = session.sessionType === 'system';
  const most = isSystem ? limits?.concurrentSystemSessionsMax : limits?.concurrentSessionsMax;
  if (most === undefined || most <= 0) return undefined;
  const held = context.usage.of('keypair', session.owner.accessKey);
  const count = isSystem ? held.systemSessions : held.sessions;
  return count >= most ? `You cannot run more than ${most} concurrent sessions` : undefined;
}

interface CountedOwner {
  readonly kind: keyof SessionsMax;
  readonly id: string;
}

function tooMany(
  _session: PendingView,
  { situation, usage }: CheckContext,
  { kind, id }: CountedOwner,
): string | undefined {
  const most = situation.limits.sessionsMax?.[kind].get(id);
  if (most === undefined || usage.of(kind, id).sessions < most) return undefined;
  return `The ${kind} cannot run more than ${most} concurrent sessions`;
}

function containers(session: PendingView, context: CheckContext): string | undefined {
  const most = limitsOf(session, context)?.containersPerSessionMax;
  if (most === undefined || session.kernels.length <= most) return undefined;
  return `You cannot create a session with more than ${most} container(s).`;
}

function priorities(session: PendingView, context: CheckContext): string | undefined {
  const most = limitsOf(session, context)?.priorityMax;
  if (most === undefined || session.priority <= most) return undefined;
  return `Your sessions have a priority of at most ${most}.`;
}

function pendingCount(
  session: PendingView,
  { situation, waiting }: CheckContext,
  kind: OwnerKind,
): string | undefined {
  const most = situation.limits.pending?.[kind].get(idOf(session.owner, kind))?.sessionsMax;
  if (most === undefined || waiting.isAmong(session, kind, most)) return undefined;
  return kind === 'keypair'
    ? `You cannot create more than ${most} pending session(s).`
    : `The ${kind} cannot have more than ${most} pending session(s).`;
}

function pendingSlots(
  session: PendingView,
  { situation, waiting, describe }: CheckContext,
  kind: OwnerKind,
): string | undefined {
  const most = situation.limits.pending?.[kind].get(idOf(session.owner, kind))?.totalMax;
  if (most === undefined || waiting.isWithin(session, kind, most)) return undefined;
  const whose = kind === 'keypair' ? 'Your pending session' : `The pending session ${kind}`;
  return `${whose} quota is exceeded. (${describe(most)})`;
}

interface Quota {
  readonly kind: OwnerKind;
  readonly id: string;
  readonly limit: Vector | undefined;
  readonly words: string;
}

function exceeded(
  session: PendingView,
  { usage, describe }: CheckContext,
  { kind, id, limit, words }: Quota,
): string | undefined {
  if (limit === undefined) return undefined;
  const isWithin = isTogetherWithin(usage.of(kind, id).slots, totalOf(session), limit);
  return isWithin ? undefined : `${words} (${describe(limit)})`;
}

function limitsOf({ owner }: PendingView, { situation }: CheckContext): KeypairLimits | undefined {
  return situation.limits.keypairs.get(owner.accessKey);
}

function isTogetherWithin(held: Vector, wanted: Vector, limit: Vector): boolean {
  for (let slot = 0; slot < held.length; slot += 1) {
    const amount = (held[slot] ?? 0) + (wanted[slot] ?? 0);
    if (amount !== 0 && amount > (limit[slot] ?? Infinity)) return false;
  }
  return true;
}

export function totalOf({ kernels }: PendingView): Vector {
  const [first] = kernels;
  if (kernels.length === 1 && first !== undefined) return first.request;
  return sum(
    kernels.map(({ request }) => request),
    first?.request.length ?? 0,
  );
}

/** The usage of the situation and what the pass has added to it. */
export interface UsageLedger {
  of(kind: OwnerKind, id: string): Held;
  add(session: PendingView): void;
}

export function createUsageLedger({ usage, slots }: Situation): UsageLedger {
  const none: Held = { slots: zero(slots.length), sessions: 0, systemSessions: 0 };
  // By kind and then id: building a key for every check of every session costs more than the checks.
  const known = {
    keypair: new Map<string, Held>(),
    user: new Map<string, Held>(),
    project: new Map<string, Held>(),
    domain: new Map<string, Held>(),
  };
  const of = (kind: OwnerKind, id: string): Held => {
    const found = known[kind].get(id);
    if (found !== undefined) return found;
    const held = usage.get(`${kind}:${id}`) ?? none;
    known[kind].set(id, held);
    return held;
  };
  return {
    of,
    add: (session) => {
      const { accessKey, userId, projectId, domain } = session.owner;
      const total = totalOf(session);
      const isSystem = session.sessionType === 'system';
      const add = (kind: OwnerKind, id: string): void => {
        const held = of(kind, id);
        known[kind].set(id, {
          slots: plus(held.slots, total),
          sessions: held.sessions + (isSystem ? 0 : 1),
          systemSessions: held.systemSessions + (isSystem ? 1 : 0),
        });
      };
      add('keypair', accessKey);
      add('user', userId);
      add('project', projectId);
      add('domain', domain);
    },
  };
}
