import { describeSlots, isBytes } from './amounts.ts';
import type { PendingView, RunningView, Situation } from './model.ts';
import { plan } from './plan.ts';
import { fits, type Vector } from './vector.ts';

/** A change of the request that would let it start at once, on the cluster as it is. */
export interface Suggestion {
  readonly change:
    | 'fewer-devices'
    | 'less'
    | 'other-group'
    | 'other-device'
    | 'more-nodes'
    | 'fewer-kernels'
    | 'any-agent'
    | 'shorter';
  readonly message: string;
  /** As it would be asked for. */
  readonly session: PendingView;
}

const SUGGESTIONS_MAX = 8;
/** Each tried variant is a pass over so many nodes and sessions. */
const LOOKS_MAX = 40_000;
const TRIED_MIN = 5;
const TRIED_MAX = 40;

interface Tries {
  readonly kinds: readonly (readonly Suggestion[])[];
  /** Told how many nodes and sessions are looked at. */
  readonly onTry?: (looks: number) => void;
}

/**
 * Of the variants those that start now, each tried by itself as a session that comes now, in place of the one that
 * waits and with everyone else as they are. Of variants of one kind the first that starts is enough.
 */
export function suggestionsFor(
  situation: Situation,
  session: PendingView,
  { kinds, onTry }: Tries,
): readonly Suggestion[] {
  const others = situation.pending.filter((one) => one.session !== session.session);
  const found: Suggestion[] = [];
  const looks = situation.nodes.length + others.length;
  let left = Math.min(TRIED_MAX, Math.max(TRIED_MIN, Math.floor(LOOKS_MAX / looks)));
  for (const variants of kinds) {
    const starts = variants.find((variant) => {
      if (left === 0) return false;
      left -= 1;
      onTry?.(looks);
      return startsNow(situation, others, variant.session);
    });
    if (starts !== undefined) found.push(starts);
    if (found.length >= SUGGESTIONS_MAX) break;
  }
  return found;
}

function startsNow(
  situation: Situation,
  others: readonly PendingView[],
  variant: PendingView,
): boolean {
  const session = { ...variant, attempt: 1, queuedAtMs: situation.nowMs };
  const pending = [...others.filter(({ group }) => group === session.group), session];
  const { placed } = plan({ ...situation, pending });
  return placed.some((one) => one.session === session.session);
}

/** The ways to ask for less or elsewhere, by kind; those of one kind from the least change to the greatest. */
export function variantsOf(
  situation: Situation,
  session: PendingView,
): readonly (readonly Suggestion[])[] {
  return [
    onAnyAgent(session),
    spreadOverNodes(session),
    ...shorter(situation, session),
    ...otherGroups(situation, session),
    ...otherDevices(situation, session),
    ...lessOfOneSlot(situation, session),
    lessOfAll(situation, session),
    fewerKernels(session),
  ];
}

const DEVICE = /^(?:cuda|rocm|tpu|ipu)\./;
/** Steps in which less is suggested: a device, a tenth of a core, 64 MiB. */
const DEVICE_STEP = 1000;
const COUNT_STEP = 100;
const BYTES_STEP = 64 * 2 ** 20;

function stepOf(name: string): number {
  if (DEVICE.test(name)) return DEVICE_STEP;
  return isBytes(name) ? BYTES_STEP : COUNT_STEP;
}

/** The largest amount in whole steps that is not more. */
function roundedDown(name: string, amount: number): number {
  const step = stepOf(name);
  return Math.floor(amount / step) * step;
}

function mostOf({ kernels }: PendingView, slot: number): number {
  return Math.max(...kernels.map(({ request }) => request[slot] ?? 0));
}

/**
 * Of each slot by itself: as much as is free somewhere, also for several kernels there, a half, a quarter; of
 * devices each smaller number.
 */
function lessOfOneSlot(situation: Situation, session: PendingView): readonly Suggestion[][] {
  const { slots, nodes } = situation;
  return slots.map((name, slot) => {
    const most = mostOf(session, slot);
    const isDevice = DEVICE.test(name);
    const free = nodes
      .filter((node) => node.group === session.group && node.isSchedulable)
      .reduce((largest, node) => Math.max(largest, node.free[slot] ?? 0), 0);
    const amounts = isDevice
      ? Array.from({ length: DEVICES_FEWER_MAX }, (_, less) => most - (less + 1) * DEVICE_STEP)
      : [...partsOf(free, session.kernels.length), most / 2, most / 4];
    return amounts
      .map((amount) => roundedDown(name, amount))
      .filter((amount) => amount > 0 && amount < most)
      .sort((left, right) => right - left)
      .map((amount) => {
        const request = session.kernels.map(({ request: before }) =>
          before.map((each, place) => (place === slot ? Math.min(each, amount) : each)),
        );
        return asking(situation, session, { change: isDevice ? 'fewer-devices' : 'less', request });
      });
  });
}

const DEVICES_FEWER_MAX = 8;
const PARTS_MAX = 4;

function partsOf(amount: number, kernels: number): readonly number[] {
  return Array.from({ length: Math.min(kernels, PARTS_MAX) }, (_, index) => amount / (index + 1));
}

/** Of all slots what the emptiest nodes have left, where it is less: for a kernel alone, or the like of it. */
function lessOfAll(situation: Situation, session: PendingView): readonly Suggestion[] {
  const { slots, nodes } = situation;
  const [first] = session.kernels;
  if (first === undefined || session.kernels.some(({ request }) => !fits(request, first.request)))
    return [];
  const together = session.clusterMode === 'single-node' ? session.kernels.length : 1;
  const asked = slots.map((_, slot) => slot).filter((slot) => (first.request[slot] ?? 0) > 0);
  return nodes
    .filter((node) => node.group === session.group && node.isSchedulable)
    .map(({ free }) =>
      slots.map((name, slot) => {
        const amount = first.request[slot] ?? 0;
        const left = (free[slot] ?? 0) / together;
        return left >= amount ? amount : Math.max(0, roundedDown(name, left));
      }),
    )
    .filter(
      (request) =>
        asked.every((slot) => (request[slot] ?? 0) > 0) &&
        // One slot by itself is tried already.
        asked.filter((slot) => request[slot] !== first.request[slot]).length > 1,
    )
    .map((request) => ({ request, part: partOf(request, first.request, asked) }))
    .sort((left, right) => right.part - left.part)
    .slice(0, NODES_TRIED_MAX)
    .map(({ request }) =>
      asking(situation, session, { change: 'less', request: session.kernels.map(() => request) }),
    );
}

const NODES_TRIED_MAX = 3;

/** The smallest part that is left of any slot that is asked for. */
function partOf(request: Vector, before: Vector, asked: readonly number[]): number {
  return Math.min(...asked.map((slot) => (request[slot] ?? 0) / (before[slot] ?? 1)));
}

interface Asked {
  readonly change: Suggestion['change'];
  /** Of each kernel. */
  readonly request: readonly Vector[];
}

function asking(
  { slots }: Situation,
  session: PendingView,
  { change, request }: Asked,
): Suggestion {
  const each = session.kernels.length === 1 ? '' : ' a kernel';
  const [before, after] = [session.kernels.map((kernel) => kernel.request), request].map((all) =>
    all.reduce((most, one) => most.map((amount, slot) => Math.max(amount, one[slot] ?? 0))),
  );
  const changed = slots.map((_, slot) => (before?.[slot] ?? 0) !== (after?.[slot] ?? 0));
  const only = (amounts: Vector | undefined): string =>
    describeSlots(
      (amounts ?? []).map((amount, slot) => (changed[slot] ? amount : 0)),
      slots,
    );
  return {
    change,
    message: `with ${only(after)}${each} instead of ${only(before)}`,
    session: {
      ...session,
      kernels: session.kernels.map(({ kernel }, index) => ({
        kernel,
        request: request[index] ?? [],
      })),
    },
  };
}

function otherDevices(situation: Situation, session: PendingView): readonly Suggestion[][] {
  const { slots, nodes } = situation;
  const kinds = slots.map((name, slot) => ({ name, slot })).filter(({ name }) => DEVICE.test(name));
  const asked = kinds.filter(({ slot }) => mostOf(session, slot) > 0);
  return asked.flatMap((from) =>
    kinds
      .filter(({ slot }) => slot !== from.slot && nodes.some(({ total }) => (total[slot] ?? 0) > 0))
      .map((to) => {
        const request = session.kernels.map(({ request: before }) =>
          before.map((amount, slot) => {
            if (slot === from.slot) return 0;
            return slot === to.slot ? amount + (before[from.slot] ?? 0) : amount;
          }),
        );
        return [asking(situation, session, { change: 'other-device', request })];
      }),
  );
}

/** Groups that are tried. */
const GROUPS_MAX = 8;

function otherGroups({ groups, nodes }: Situation, session: PendingView): readonly Suggestion[][] {
  const names = new Set([...Object.keys(groups), ...nodes.map(({ group }) => group)]);
  names.delete(session.group);
  return [...names].slice(0, GROUPS_MAX).map((group) => {
    const message = `in the resource group ${group}`;
    return [{ change: 'other-group', message, session: { ...session, group } }];
  });
}

/** What asks for one node could lie on several, a kernel each. */
function spreadOverNodes(session: PendingView): readonly Suggestion[] {
  const { clusterMode, kernels } = session;
  if (clusterMode === 'multi-node' || kernels.length < 2) return [];
  const message = `on up to ${kernels.length} nodes (multi-node) instead of one`;
  return [{ change: 'more-nodes', message, session: { ...session, clusterMode: 'multi-node' } }];
}

/** Without the last kernels; the first is the main one. */
function fewerKernels(session: PendingView): readonly Suggestion[] {
  const { kernels } = session;
  const counts = [kernels.length - 1, kernels.length - 2, kernels.length >> 1, kernels.length >> 2];
  return [...new Set(counts)]
    .filter((count) => count >= 1 && count < kernels.length)
    .sort((left, right) => right - left)
    .map((count) => ({
      change: 'fewer-kernels',
      message: `with ${count} kernel${count === 1 ? '' : 's'} instead of ${kernels.length}`,
      session: { ...session, kernels: kernels.slice(0, count) },
    }));
}

function onAnyAgent({ designated, ...session }: PendingView): readonly Suggestion[] {
  if (designated?.policy !== 'strict') return [];
  const message = `on any agent, not only on ${designated.nodes.join(', ')}`;
  return [{ change: 'any-agent', message, session }];
}

/** Where room is kept for another, whoever ends before that one starts may have it. */
function shorter(
  { nowMs, running, groups }: Situation,
  session: PendingView,
): readonly Suggestion[][] {
  if ((groups[session.group]?.reservation ?? 'none') === 'none') return [];
  const ends = running
    .filter(({ group }) => group === session.group)
    .flatMap((one: RunningView) => (one.endsAtMs === undefined ? [] : [one.endsAtMs - nowMs]))
    .map((leftMs) => Math.floor(leftMs / MINUTE_MS) * MINUTE_MS)
    .filter((leftMs) => leftMs >= MINUTE_MS && leftMs < (session.runsAtMostMs ?? Infinity))
    .sort((left, right) => right - left);
  const tried = [...new Set(ends)].filter((_, index, all) => isTried(index, all.length));
  return [
    tried.map((runsAtMostMs) => ({
      change: 'shorter',
      message: `if it ran for at most ${runsAtMostMs / MINUTE_MS} min`,
      session: { ...session, runsAtMostMs },
    })),
  ];
}

const MINUTE_MS = 60_000;
const ENDS_TRIED_MAX = 6;

function isTried(index: number, count: number): boolean {
  return index % Math.max(1, Math.ceil(count / ENDS_TRIED_MAX)) === 0 || index === count - 1;
}
