import { totalOf } from './checks.ts';
import type { PendingView } from './model.ts';
import type { Vector } from './vector.ts';

/** What must lie on one node. */
export interface Piece {
  readonly kernels: readonly string[];
  readonly request: Vector;
}

/** The whole session, or each kernel by itself, the largest first: they are the hardest to find a node for. */
export function piecesOf(session: PendingView): readonly Piece[] {
  const { clusterMode, kernels } = session;
  if (clusterMode !== 'multi-node')
    return [{ kernels: kernels.map(({ kernel }) => kernel), request: totalOf(session) }];
  const pieces = kernels.map(({ kernel, request }) => ({ kernels: [kernel], request }));
  const [first] = pieces;
  if (first === undefined || pieces.every((piece) => isOfOneSize(piece, first))) return pieces;
  return pieces.sort((left, right) => compareInOrder(right.request, left.request));
}

export function isOfOneSize(left: Piece, right: Piece): boolean {
  return compareInOrder(left.request, right.request) === 0;
}

/** By the slot that comes first. */
export function compareInOrder(left: Vector, right: Vector): number {
  for (let slot = 0; slot < left.length; slot += 1) {
    const difference = (left[slot] ?? 0) - (right[slot] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
