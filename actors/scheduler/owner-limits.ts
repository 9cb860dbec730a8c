import {
  compareAmounts,
  err,
  type LimitScope,
  type OwnerLimits,
  ok,
  type Rejection,
  type Result,
  type SchedulerCommand,
  type SchedulerEvent,
  type Slots,
} from '@orrery/bus';
import { OWNER_KEY, PENDING_TIMEOUT_MS_MAX, SLOT_NAMES_MAX } from './administration.ts';
import type { SchedulerState } from './state.ts';

export const LIMITS_MAX = 100_000;
export const SESSIONS_MAX = 1_000_000;
/** What a pass can count exactly: bytes, and thousandths of anything else. */
const BYTES_MAX = String(Number.MAX_SAFE_INTEGER);
const COUNT_MAX = '1000000000000';

type SetLimits = Extract<SchedulerCommand, { readonly type: 'set-limits' }>;
type Limit = keyof Omit<OwnerLimits, 'said'>;

/**
 * All limits of the owner at once: what is left out is unlimited from now on. What the owner itself says, or its
 * resource policy, is changed there only, so that it does not matter who wrote last.
 */
export function setLimits(
  { limits: all }: Pick<SchedulerState, 'limits'>,
  command: SetLimits,
): Result<readonly SchedulerEvent[], Rejection> {
  const { scope, key } = command;
  if (!OWNER_KEY.test(key))
    return err(invalid('key', 'an owner is an access key, an id or a name'));
  const known = all.get(`${scope}:${key}`) ?? null;
  const { said: _, ...given } = command.limits ?? {};
  const refusal =
    refusalOfLimits(scope, given) ??
    (command.from === 'owner' ? undefined : refusalOfSaid(scope, given, known ?? {}));
  if (refusal !== undefined) return err(refusal);
  const limits = limitsAfter(command, given, known ?? {});
  if (known === null && limits !== null && all.size >= LIMITS_MAX)
    return err(invalid('key', `there are limits of ${LIMITS_MAX} owners, the most there may be`));
  if (JSON.stringify(known) === JSON.stringify(limits)) return ok([]);
  return ok([{ type: 'limits-set', scope, key, limits }]);
}

function limitsAfter(
  { from, limits }: SetLimits,
  given: OwnerLimits,
  known: OwnerLimits,
): OwnerLimits | null {
  if (from !== 'owner') return besides(given, known);
  return limits === null ? null : saidBy(given, known);
}

/** What the owner said before is forgotten; what an administrator set stays where the owner says nothing. */
function saidBy(
  given: OwnerLimits,
  { said: before = [], ...known }: OwnerLimits,
): OwnerLimits | null {
  const said = Object.keys(given).toSorted();
  const others = Object.entries(known).filter(([name]) => !before.includes(name));
  const limits = { ...Object.fromEntries(others), ...given };
  if (Object.keys(limits).length === 0) return null;
  return said.length === 0 ? limits : { ...limits, said };
}

function besides(given: OwnerLimits, { said = [], ...known }: OwnerLimits): OwnerLimits | null {
  const kept = Object.entries(known).filter(([name]) => said.includes(name));
  const limits = { ...given, ...Object.fromEntries(kept) };
  if (Object.keys(limits).length === 0) return null;
  return said.length === 0 ? limits : { ...limits, said };
}

function refusalOfSaid(
  scope: LimitScope,
  given: OwnerLimits,
  { said = [], ...known }: OwnerLimits,
): Rejection | undefined {
  for (const name of said as readonly Limit[]) {
    const asked = given[name];
    if (asked === undefined || isSame(asked, known[name])) continue;
    const where = scope === 'keypair' ? 'resource policy of the key pair' : `${scope} itself`;
    return invalid(FIELDS[name], `the ${where} says it: change it there`);
  }
  return undefined;
}

/** In whatever order slots are named. */
function isSame(left: OwnerLimits[Limit], right: OwnerLimits[Limit]): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => left[name] === right[name]);
}

/** Only a key pair has the others. */
const OF_KEYPAIRS = [
  'concurrentSystemSessionsMax',
  'containersPerSessionMax',
  'priorityMax',
  'sessionLifetimeMaxMs',
] as const;

function refusalOfLimits(
  scope: LimitScope,
  { total, pendingTotalMax, ...limits }: OwnerLimits,
): Rejection | undefined {
  const other = scope !== 'keypair' && OF_KEYPAIRS.find((name) => limits[name] !== undefined);
  if (other) return invalid(FIELDS[other], 'only a key pair has such a limit');
  const { containersPerSessionMax: containers = 1, sessionLifetimeMaxMs: lifetimeMs = 0 } = limits;
  for (const name of [
    'concurrentSessionsMax',
    'concurrentSystemSessionsMax',
    'pendingSessionsMax',
  ] as const)
    if ((limits[name] ?? 0) > SESSIONS_MAX)
      return invalid(FIELDS[name], `it is at most ${SESSIONS_MAX} sessions`);
  if (containers > SESSIONS_MAX)
    return invalid('maxContainersPerSession', `it is at most ${SESSIONS_MAX} containers`);
  if (lifetimeMs > PENDING_TIMEOUT_MS_MAX)
    return invalid('maxSessionLifetimeSeconds', 'it is at most 366 days; 0 is for ever');
  if (limits.pendingSessionsMax === 0)
    return invalid(
      'maxPendingSessionCount',
      'every session waits at first: with 0 none could ever start',
    );
  return (
    refusalOfSlots('totalResourceSlots', total) ??
    refusalOfSlots('maxPendingSessionResourceSlots', pendingTotalMax)
  );
}

/** What the parts of limits are called where people set them. */
const FIELDS = {
  total: 'totalResourceSlots',
  unlistedSlots: 'defaultForUnspecified',
  concurrentSessionsMax: 'maxConcurrentSessions',
  concurrentSystemSessionsMax: 'maxConcurrentSftpSessions',
  pendingSessionsMax: 'maxPendingSessionCount',
  pendingTotalMax: 'maxPendingSessionResourceSlots',
  containersPerSessionMax: 'maxContainersPerSession',
  priorityMax: 'maxPriority',
  sessionLifetimeMaxMs: 'maxSessionLifetimeSeconds',
} as const satisfies Record<Limit, string>;

function refusalOfSlots(field: string, slots: Slots | undefined): Rejection | undefined {
  const all = Object.entries(slots ?? {});
  if (all.length > SLOT_NAMES_MAX)
    return invalid(field, `at most ${SLOT_NAMES_MAX} slots are limited`);
  for (const [name, amount] of all) {
    if (name === 'mem' && amount.includes('.'))
      return invalid(`${field}.mem`, 'mem is a whole number of bytes');
    const most = name === 'mem' ? BYTES_MAX : COUNT_MAX;
    if (compareAmounts(amount, most) > 0)
      return invalid(`${field}.${name}`, `it is at most ${most}; Infinity is no limit`);
  }
  return undefined;
}

function invalid(field: string, message: string): Rejection {
  return { code: 'limits-invalid', message, field };
}
