import type { GroupPolicy, Ordering, PendingView, Situation } from './model.ts';
import { type Vector, zero } from './vector.ts';

/** Who comes next; told who was placed, since that moves shares. */
export interface Order {
  next(): PendingView | undefined;
  placed(session: PendingView): void;
}

type OrderOf = (band: readonly PendingView[], circumstances: Ranked) => Order;

interface Circumstances {
  readonly situation: Situation;
  /** All that the nodes of the group have. */
  readonly capacity: Vector;
}

interface Ranked extends Circumstances {
  readonly shares: DominantShares;
}

const orders: Readonly<Record<Ordering, OrderOf>> = {
  fifo: (band) => inTurn(band),
  lifo: (band) => inTurn([...band].reverse()),
  drf: smallestShareFirst,
  'fair-share': largestFactorFirst,
};

/** Starts that failed so often put a session behind the others of its priority (reference: after 5). */
const ATTEMPTS_MAX = 5;

/**
 * Who was promised room comes first, then priority bands, the highest first; inside a band the ordering of the
 * group, and last who failed to start too often.
 */
export function orderOf(
  pending: readonly PendingView[],
  { ordering }: Pick<GroupPolicy, 'ordering'>,
  circumstances: Circumstances,
): Order {
  const bands = Map.groupBy(pending, bandOf);
  const numbers = [...bands.keys()].sort((left, right) =>
    left === right ? 0 : right > left ? 1 : -1,
  );
  const shares = createShares(ordering === 'drf' ? pending : [], circumstances);
  let current: Order | undefined;
  return {
    next: () => {
      for (;;) {
        const session = current?.next();
        if (session !== undefined) return session;
        const number = numbers.shift();
        if (number === undefined) return undefined;
        current = orders[ordering](bands.get(number) ?? [], { ...circumstances, shares });
      }
    },
    placed: (session) => {
      shares.add(session);
      current?.placed(session);
    },
  };
}

function bandOf({ priority, attempt, promised }: PendingView): number {
  if (promised !== undefined) return Infinity;
  return 2 * priority - (attempt > ATTEMPTS_MAX ? 1 : 0);
}

function inTurn(sessions: readonly PendingView[]): Order {
  let index = 0;
  return { next: () => sessions[index++], placed: () => {} };
}

/** Of each user of the group the largest share of any slot, with what the pass has placed. */
interface DominantShares {
  of(user: string): number;
  add(session: PendingView): void;
}

/** Slots that the group has none of do not count. */
function createShares(
  pending: readonly PendingView[],
  { situation, capacity }: Circumstances,
): DominantShares {
  const group = pending[0]?.group;
  const held = new Map<string, number[]>();
  for (const { owner } of pending) {
    if (!held.has(owner.userId)) held.set(owner.userId, [...zero(situation.slots.length)]);
  }
  const add = (user: string, request: Vector): void => {
    const amounts = held.get(user);
    if (amounts === undefined) return;
    for (let slot = 0; slot < amounts.length; slot += 1) {
      amounts[slot] = (amounts[slot] ?? 0) + (request[slot] ?? 0);
    }
  };
  for (const { owner, placements, group: where } of situation.running) {
    if (where !== group) continue;
    for (const { request } of placements) add(owner.userId, request);
  }
  return {
    of: (user) => {
      const amounts = held.get(user) ?? [];
      let share = 0;
      for (let slot = 0; slot < amounts.length; slot += 1) {
        const all = capacity[slot] ?? 0;
        if (all > 0) share = Math.max(share, (amounts[slot] ?? 0) / all);
      }
      return share;
    },
    add: ({ owner, kernels }) => {
      for (const { request } of kernels) add(owner.userId, request);
    },
  };
}

/**
 * Dominant resource fairness: the user whose largest share is the smallest comes first, ties in order of
 * arrival. A share grows as soon as something is placed.
 */
function smallestShareFirst(band: readonly PendingView[], { shares }: Ranked): Order {
  const queues = new Map(
    [...Map.groupBy(band, ({ owner }) => owner.userId)].map(([user, sessions]) => [
      user,
      inTurn(sessions),
    ]),
  );
  const waiting = createRanking(
    [...queues.keys()].map((user) => ({ user, share: shares.of(user) })),
  );
  return {
    next: () => {
      for (let user = waiting.first(); user !== undefined; user = waiting.first()) {
        const session = queues.get(user)?.next();
        if (session !== undefined) return session;
        waiting.dropFirst();
      }
      return undefined;
    },
    placed: ({ owner: { userId } }) => waiting.move(userId, shares.of(userId)),
  };
}

interface Entry {
  readonly user: string;
  share: number;
}

/** Users by share; few change at a time, so a sorted list with binary insertion is enough. */
function createRanking(entries: readonly Entry[]) {
  const sorted = entries
    .map((entry, index) => ({ ...entry, index }))
    .sort((left, right) => left.share - right.share || left.index - right.index);
  const all = new Map(sorted.map((entry) => [entry.user, entry]));
  const place = (entry: (typeof sorted)[number]): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = sorted[middle];
      const isBefore =
        other !== undefined &&
        (other.share < entry.share || (other.share === entry.share && other.index < entry.index));
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    first: () => sorted[0]?.user,
    dropFirst: () => {
      sorted.shift();
    },
    move: (user: string, share: number) => {
      const entry = all.get(user);
      if (entry === undefined) return;
      const at = place(entry);
      if (sorted[at] !== entry) return;
      sorted.splice(at, 1);
      entry.share = share;
      sorted.splice(place(entry), 0, entry);
    },
  };
}

/** By the factors of domain, project and user, larger first; who has none comes last. */
function largestFactorFirst(band: readonly PendingView[], { situation }: Ranked): Order {
  const factors = situation.factors?.get(band[0]?.group ?? '');
  const factor = (key: string): number => factors?.get(key) ?? 0;
  const keyed = band.map((session) => {
    const { domain, projectId, userId } = session.owner;
    const key = [
      factor(`domain:${domain}`),
      factor(`project:${projectId}`),
      factor(`user:${userId}`),
    ];
    return { session, key };
  });
  keyed.sort((left, right) => {
    const index = left.key.findIndex((value, place) => value !== right.key[place]);
    return index === -1 ? 0 : (right.key[index] ?? 0) - (left.key[index] ?? 0);
  });
  return inTurn(keyed.map(({ session }) => session));
}
