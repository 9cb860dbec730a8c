import { type GroupCluster, leftOn } from './cluster.ts';
import type { KeptRoom, Left } from './kept-room.ts';
import { PlacementMembers } from './members.ts';
import type { PendingView, RunningView } from './model.ts';
import { type PlaceCircumstances, place } from './place.ts';

/** What is to be kept for a session that lacks room, and from when on it is expected to run. */
export interface Reservation {
  /** Infinity when too little is known of the ends of what runs. */
  readonly startsAtMs: number;
  /** What is left on each of its nodes once it has started there. */
  readonly left: ReadonlyMap<string, Left>;
}

interface Circumstances {
  readonly nowMs: number;
  readonly running: readonly RunningView[];
  /** A cluster of the same nodes as they are now, which may be changed. */
  readonly future: GroupCluster;
  /** What is kept for others already. */
  readonly kept: KeptRoom;
}

/**
 * Lets what runs come to its expected ends one by one until the session fits. Ends that nobody knows come after
 * all that are known, the longest running first; who is ending already comes before all.
 * @returns undefined when it would not fit an empty cluster.
 */
export function reserve(
  session: PendingView,
  { nowMs, running, future, kept }: Circumstances,
): Reservation | undefined {
  const ends = running
    .map((one) => ({ one, endsAtMs: one.isEnding ? nowMs : (one.endsAtMs ?? Infinity) }))
    .sort(
      (left, right) =>
        (left.endsAtMs === right.endsAtMs ? 0 : left.endsAtMs - right.endsAtMs) ||
        left.one.startedAtMs - right.one.startedAtMs,
    );
  const inOrder = ends.map(({ one }) => one);
  const ahead = createAhead(future, inOrder);
  const circumstances: PlaceCircumstances = {
    cluster: future,
    members: ahead.members,
    ...(kept.isEmpty ? {} : { mayUse: (node, claim) => kept.allows(node, claim, undefined) }),
  };
  const count = fewestEnds(ends.length, (released) => {
    ahead.release(released);
    return fitsNow(session, circumstances);
  });
  if (count === undefined) return undefined;
  ahead.release(count);
  const outcome = place(session, circumstances);
  if (!('taken' in outcome)) return undefined;
  return {
    startsAtMs: count === 0 ? nowMs : Math.max(nowMs, ends[count - 1]?.endsAtMs ?? nowMs),
    left: leftOn(outcome.taken),
  };
}

/** The smallest number of ends, 0 to `most`, after which it fits: found by doubling, then by halving. */
function fewestEnds(most: number, isEnough: (ends: number) => boolean): number | undefined {
  if (isEnough(0)) return 0;
  let short = 0;
  let enough = 1;
  while (enough <= most && !isEnough(enough)) {
    short = enough;
    enough = enough === most ? most + 1 : Math.min(most, enough * 2);
  }
  if (enough > most) return undefined;
  while (enough - short > 1) {
    const middle = (short + enough) >> 1;
    if (isEnough(middle)) enough = middle;
    else short = middle;
  }
  return enough;
}

/** Moves to the moment after so many ends, forth and back. */
function createAhead(future: GroupCluster, inOrder: readonly RunningView[]) {
  const members = new PlacementMembers(inOrder);
  let released = 0;
  const move = (one: RunningView | undefined, to: 'free' | 'taken'): void => {
    if (one === undefined) return;
    members.move(one, to === 'free' ? -1 : 1);
    for (const { node: name, request } of one.placements) {
      const node = future.nodes.get(name);
      if (node === undefined) continue;
      if (to === 'free') future.giveBack({ node, request, containers: 1, turnBefore: node.turn });
      else future.take(node, request, 1);
    }
  };
  return {
    members,
    release: (count: number): void => {
      for (; released < count; released += 1) move(inOrder[released], 'free');
      for (; released > count; released -= 1) move(inOrder[released - 1], 'taken');
      future.forgetAllFailures();
    },
  };
}

function fitsNow(session: PendingView, circumstances: PlaceCircumstances): boolean {
  const outcome = place(session, circumstances);
  if (!('taken' in outcome)) return false;
  for (const one of outcome.taken.toReversed()) circumstances.cluster.giveBack(one);
  return true;
}
