import type { RunningView, Situation } from './model.ts';
import { plainOf } from './plain.ts';

/** A larger group is looked at through a part of its nodes. */
const NODES_MAX = 32;
/** Of those who stand before a session, so many are looked at. */
const AHEAD_MAX = 100;
/** So many behind a session may still be let past it; more of them would only cost time. */
const BEHIND_MAX = 40;
/** Nodes for each kernel of a gang, at least: so that it finds in the part what it would find in all. */
const NODES_PER_KERNEL = 4;

export interface Part {
  readonly situation: Situation;
  /** Of the nodes, and of those who wait and come: 1 is all. */
  readonly share: number;
  /** Those before it that are in the part. */
  readonly ahead: ReadonlySet<string>;
  /** How many there are in a part of this share: when they are more, the session itself is not in the part. */
  readonly aheadOfAll: number;
}

/**
 * The part of a group by which the start of a session is foretold: what is alike goes on alike in a part of the
 * nodes with the same part of the queue, so the work is bounded however large the group is.
 */
export function thinned(
  situation: Situation,
  { session, order }: { readonly session: string; readonly order: readonly string[] },
): Part {
  const target = situation.pending.find((one) => one.session === session);
  const usable = situation.nodes.filter(
    ({ group, isSchedulable }) => group === target?.group && isSchedulable,
  );
  const nodesMax = Math.max(NODES_MAX, NODES_PER_KERNEL * (target?.kernels.length ?? 1));
  const share = Math.min(1, nodesMax / Math.max(1, usable.length));
  const named = new Set(target?.designated?.nodes);
  const nodes = usable.filter(({ name }, index) => isKept(index, share) || named.has(name));
  const names = new Set(nodes.map(({ name }) => name));
  const own = order.indexOf(session);
  const before = order.slice(0, Math.max(0, own)).filter((_, index) => isKept(index, share));
  const behind = order.slice(own + 1).filter((_, index) => isKept(index, share));
  const ahead = before.slice(0, AHEAD_MAX);
  const needed = new Set(target?.dependencies.map((one) => one.session));
  const isWhole = ahead.length === before.length;
  const others = isWhole ? [session, ...needed, ...behind.slice(0, BEHIND_MAX)] : [];
  const kept = new Set([...ahead, ...others]);
  // What its owner may hold, and whom it waits for, may lie anywhere.
  const isOfItsOwn = (one: RunningView): boolean =>
    needed.has(one.session) ||
    one.owner.userId === target?.owner.userId ||
    one.owner.accessKey === target?.owner.accessKey;
  return {
    situation: {
      ...situation,
      nodes,
      pending: situation.pending.filter((one) => kept.has(one.session)).map(plainOf),
      running: situation.running.filter(
        (one) => isOfItsOwn(one) || one.placements.some(({ node }) => names.has(node)),
      ),
    },
    share,
    ahead: new Set(ahead),
    aheadOfAll: before.length,
  };
}

/** Spread evenly over the list. */
export function isKept(index: number, share: number): boolean {
  return Math.floor((index + 1) * share) > Math.floor(index * share);
}
