import type { GroupCluster, Taken } from './cluster.ts';
import type { WorkNode } from './node-order.ts';
import { isOfOneSize, type Piece } from './pieces.ts';

/** Nodes looked at for one gang before it is given up. */
export const LOOKS_OF_GANG_MAX = 10_000;

interface Gang {
  /** The largest first. */
  readonly pieces: readonly Piece[];
  readonly cluster: GroupCluster;
  /** Whether nodes that have the same may differ in what the gang is let have of them. */
  readonly isRoomKept: boolean;
  /** The node that a piece would be given after those before it, of those that were not tried. */
  readonly choose: (
    piece: Piece,
    taken: readonly Taken[],
    isTried: (node: WorkNode) => boolean,
  ) => WorkNode | undefined;
}

/**
 * Kernels of one size take each other nothing but room for one more, so where they lie is all the same to them;
 * only other sizes may be in the way of a piece that found no node.
 */
export function isWorthSearching(pieces: readonly Piece[], lacking: number): boolean {
  return sizeBefore(lacking, pieces) >= 0;
}

/**
 * Nodes for all pieces, taken: goes back to a piece whose node may be in the way, and tries another one for it.
 * Nodes that are alike are tried once. Bounded, so a gang may be given up that would fit.
 */
export function search({
  pieces,
  cluster,
  isRoomKept,
  choose,
}: Gang): readonly Taken[] | undefined {
  const taken: Taken[] = [];
  const tried: Set<string>[] = pieces.map(() => new Set());
  const kindOf = (node: WorkNode): string => (isRoomKept ? node.name : kindOfNode(node));
  const looksMax = Math.min(LOOKS_OF_GANG_MAX, cluster.looksLeft);
  let looks = 0;
  while (taken.length < pieces.length && looks < looksMax) {
    const index = taken.length;
    const kinds = tried[index] ?? new Set();
    const piece = pieces[index];
    if (piece === undefined) break;
    const node = choose(piece, taken, (each) => {
      looks += 1;
      return looks > looksMax || kinds.has(kindOf(each));
    });
    if (node !== undefined) {
      kinds.add(kindOf(node));
      taken.push(cluster.take(node, piece.request, piece.kernels.length));
      tried[taken.length]?.clear();
      continue;
    }
    const back = kinds.size > 0 ? index - 1 : sizeBefore(index, pieces);
    if (back < 0) break;
    giveBack(cluster, taken, back);
  }
  cluster.looksLeft -= looks;
  if (taken.length === pieces.length) return taken;
  giveBack(cluster, taken, 0);
  return undefined;
}

/** The last piece before it that is of another size; -1 when there is none. */
function sizeBefore(index: number, pieces: readonly Piece[]): number {
  const piece = pieces[index];
  return pieces
    .slice(0, index)
    .findLastIndex((one) => piece !== undefined && !isOfOneSize(one, piece));
}

/** What tells nodes apart for the pieces of one gang. */
function kindOfNode({ free, containers, containersMax = Infinity }: WorkNode): string {
  return `${free.join()}/${containersMax - containers}`;
}

function giveBack(cluster: GroupCluster, taken: Taken[], left: number): void {
  for (const one of taken.splice(left).reverse()) cluster.giveBack(one);
}
