import { DEFAULT_FAIR_SHARE, type FairShare } from '@orrery/bus';
import { type DayUsage, factorOf, worthOf } from './planning/fair-share.ts';
import type { Owner } from './planning/model.ts';
import type { Vector } from './planning/vector.ts';

const DAY_MS = 86_400_000;
const SECOND_MS = 1000;

/** Owners of a group whose use is remembered; past that those who used nothing for the longest are forgotten. */
export const OWNERS_MAX = 30_000;
const FORGOTTEN_SHARE = 0.1;

export const OWNER_KINDS = ['domain', 'project', 'user'] as const;
type OwnerKind = (typeof OWNER_KINDS)[number];

/** Amount times seconds on one day of UTC, counted from 1970. */
export interface UsedDay {
  readonly day: number;
  readonly slotSeconds: Vector;
}

/** What an owner has used in a group. Replaced when it changes, never changed: a snapshot may be under way. */
export interface OwnerUse {
  /** What its sessions there hold, counted in `days` up to `sinceMs`. */
  readonly held: Vector;
  readonly sinceMs: number;
  /** In order, and none that lies past the look-back. */
  readonly days: readonly UsedDay[];
}

/** Who has used how much, by group and `domain:`, `project:` or `user:` key. */
export interface FairUse {
  readonly groups: Map<string, Map<string, OwnerUse>>;
  /** The newest moment that the log has told; for what older versions wrote down without its moment. */
  newestMs: number;
}

export function createFairUse(): FairUse {
  return { groups: new Map(), newestMs: 0 };
}

/** That what an owner holds has changed. */
export interface HoldingChange {
  readonly group: string;
  readonly owner: Owner;
  readonly requests: readonly Vector[];
  readonly sign: 1 | -1;
  readonly atMs: number;
  readonly lookbackDays: number;
}

export function noteHolding(use: FairUse, change: HoldingChange): void {
  const { group, owner, atMs } = change;
  const known = use.groups.get(group);
  const owners = known ?? new Map<string, OwnerUse>();
  if (known === undefined) use.groups.set(group, owners);
  for (const key of keysOf(owner)) {
    const one = owners.get(key);
    if (one === undefined && owners.size >= OWNERS_MAX) forget(owners);
    owners.set(key, changed(one ?? { held: [], sinceMs: atMs, days: [] }, change));
  }
}

function keysOf({ domain, projectId, userId }: Owner): readonly string[] {
  return [`domain:${domain}`, `project:${projectId}`, `user:${userId}`];
}

function changed(one: OwnerUse, { requests, sign, atMs, lookbackDays }: HoldingChange): OwnerUse {
  const held = [...one.held];
  for (const request of requests)
    for (let slot = 0; slot < request.length; slot += 1)
      held[slot] = (held[slot] ?? 0) + sign * (request[slot] ?? 0);
  const firstDay = dayOf(Math.max(atMs, one.sinceMs)) - lookbackDays;
  const days = daysUntil(one, atMs, firstDay).filter(({ day }) => day > firstDay);
  return { held, sinceMs: Math.max(atMs, one.sinceMs), days };
}

/** Those who used nothing for the longest and hold nothing. */
function forget(owners: Map<string, OwnerUse>): void {
  const idle = [...owners].filter(([, { held }]) => held.every((amount) => amount === 0));
  idle.sort(([, left], [, right]) => left.sinceMs - right.sinceMs);
  for (const [key] of idle.slice(0, Math.ceil(OWNERS_MAX * FORGOTTEN_SHARE))) owners.delete(key);
}

function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}

/** With what was held since they were counted, of days after `firstDay`. A clock that went back adds nothing. */
function daysUntil({ held, sinceMs, days }: OwnerUse, atMs: number, firstDay: number): UsedDay[] {
  const all = [...days];
  if (!held.some((amount) => amount !== 0)) return all;
  for (let fromMs = Math.max(sinceMs, (firstDay + 1) * DAY_MS); fromMs < atMs; ) {
    const day = dayOf(fromMs);
    const untilMs = Math.min(atMs, (day + 1) * DAY_MS);
    const seconds = (untilMs - fromMs) / SECOND_MS;
    const last = all.at(-1);
    const isSame = last?.day === day;
    const slotSeconds = held.map(
      (amount, slot) => (isSame ? (last.slotSeconds[slot] ?? 0) : 0) + amount * seconds,
    );
    if (isSame) all[all.length - 1] = { day, slotSeconds };
    else all.push({ day, slotSeconds });
    fromMs = untilMs;
  }
  return all;
}

/** In what light use is seen. */
export interface FairShareTerms {
  readonly share: FairShare | undefined;
  readonly slots: readonly string[];
  /** All that the group has. */
  readonly capacity: Vector;
  readonly nowMs: number;
}

/** Of those who own these sessions: by `domain:`, `project:` and `user:` key. */
export function factorsOf(
  owners: ReadonlyMap<string, OwnerUse> | undefined,
  sessions: Iterable<{ readonly owner: Owner }>,
  terms: FairShareTerms,
): ReadonlyMap<string, number> {
  const factors = new Map<string, number>();
  const seen = new Set<Owner>();
  for (const { owner } of sessions) {
    if (seen.has(owner)) continue;
    seen.add(owner);
    for (const key of keysOf(owner))
      if (!factors.has(key)) factors.set(key, shareOf(owners?.get(key), key, terms).factor);
  }
  return factors;
}

/** How an owner stands. */
interface Standing {
  readonly kind: OwnerKind;
  readonly owner: string;
  readonly weight: number;
  readonly factor: number;
  /** From 1, by the factor among those of its kind; the same for equal ones. */
  readonly rank: number;
  /** Amount times seconds within the look-back, as it was used and as it counts now. */
  readonly used: Vector;
  readonly counted: Vector;
}

/** Everybody who used anything within the look-back, by kind and rank. */
export function standingsOf(
  owners: ReadonlyMap<string, OwnerUse> | undefined,
  terms: FairShareTerms,
): readonly Standing[] {
  const all = [...(owners ?? [])].flatMap(([key, use]) => {
    const share = shareOf(use, key, terms);
    return share.used.some((amount) => amount > 0) ? [share] : [];
  });
  return OWNER_KINDS.flatMap((kind) => {
    const alike = all.filter((one) => one.kind === kind);
    alike.sort((left, right) => right.factor - left.factor || (left.owner < right.owner ? -1 : 1));
    return alike.map((one) => ({
      ...one,
      rank: 1 + alike.findIndex(({ factor }) => factor === one.factor),
    }));
  });
}

function shareOf(
  use: OwnerUse | undefined,
  key: string,
  { share, slots, capacity, nowMs }: FairShareTerms,
): Omit<Standing, 'rank'> {
  const spec = { ...DEFAULT_FAIR_SHARE, ...share };
  const colon = key.indexOf(':');
  // Every key is made by `keysOf`.
  const kind = key.slice(0, colon) as OwnerKind;
  const owner = key.slice(colon + 1);
  const weight = share?.weights?.[`${kind}s`]?.[owner] ?? spec.defaultWeight;
  const today = dayOf(nowMs);
  const firstDay = today - spec.lookbackDays;
  const days = (use === undefined ? [] : daysUntil(use, nowMs, firstDay)).map(
    ({ day, slotSeconds }): DayUsage => ({ daysAgo: Math.max(0, today - day), slotSeconds }),
  );
  const recent = days.filter(({ daysAgo }) => daysAgo < spec.lookbackDays);
  const total = (worth: (daysAgo: number) => number): Vector =>
    slots.map((_, slot) =>
      recent.reduce((sum, one) => sum + (one.slotSeconds[slot] ?? 0) * worth(one.daysAgo), 0),
    );
  return {
    kind,
    owner,
    weight,
    factor: factorOf(days, weight, { spec, slots, capacity }),
    used: total(() => 1),
    counted: total((daysAgo) => worthOf(daysAgo, spec)),
  };
}
