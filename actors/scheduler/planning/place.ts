import { totalOf } from './checks.ts';
import { type GroupCluster, hasContainersLeft, type Taken } from './cluster.ts';
import type { PlacementMembers } from './members.ts';
import type { PendingView, Placed } from './model.ts';
import type { NodeOrder, WorkNode } from './node-order.ts';
import { plus, type Vector } from './vector.ts';

export interface PlaceCircumstances {
  readonly cluster: GroupCluster;
  /** Sessions of each placement group on each node, kept by the pass. */
  readonly members: PlacementMembers;
  /** Whether room that is kept for others lets the session have so much of a node; absent: nothing is kept. */
  readonly mayUse?: (node: string, request: Vector) => boolean;
  /** Asked before what was taken for the session is given back. */
  readonly onLack?: (lack: Lack) => void;
}

/** The piece for which there was no node, and how many pieces had found theirs. */
export interface Lack {
  readonly piece: Piece;
  readonly placed: number;
}

export type PlaceOutcome =
  | { readonly placements: Placed['placements']; readonly taken: readonly Taken[] }
  | { readonly lack: Lack };

/** What must lie on one node. */
export interface Piece {
  readonly kernels: readonly string[];
  readonly request: Vector;
}

/** All kernels of the session or none; what it takes is taken from the cluster. */
export function place(session: PendingView, circumstances: PlaceCircumstances): PlaceOutcome {
  const { cluster } = circumstances;
  const taken: Taken[] = [];
  const placements: Placed['placements'][number][] = [];
  const failuresBefore = new Map<NodeOrder, number>();
  for (const piece of piecesOf(session)) {
    const { kernels, request } = piece;
    const order = cluster.orderFor(session, request);
    if (!failuresBefore.has(order)) failuresBefore.set(order, order.failures);
    const node = choose(session, { order, taken, ...piece }, circumstances);
    if (node === undefined) {
      const lack = { piece, placed: taken.length };
      circumstances.onLack?.(lack);
      for (const one of taken.reverse()) cluster.giveBack(one);
      if (taken.length > 0) {
        for (const [each, count] of failuresBefore) each.forgetFailures(count);
      }
      return { lack };
    }
    taken.push(cluster.take(node, request, kernels.length));
    for (const kernel of kernels) placements.push({ kernel, node: node.name });
  }
  return { placements, taken };
}

/** The whole session, or each kernel by itself. */
export function piecesOf(session: PendingView): readonly Piece[] {
  if (session.clusterMode === 'multi-node') {
    return session.kernels.map(({ kernel, request }) => ({ kernels: [kernel], request }));
  }
  return [{ kernels: session.kernels.map(({ kernel }) => kernel), request: totalOf(session) }];
}

interface Wanted extends Piece {
  readonly order: NodeOrder;
  readonly taken: readonly Taken[];
}

/**
 * Each step narrows to the best that is left: nodes named for the session, nodes where it did not fail, nodes
 * with fewest (or most) of its placement group; then the strategy.
 */
function choose(
  session: PendingView,
  wanted: Wanted,
  { members, mayUse }: PlaceCircumstances,
): WorkNode | undefined {
  const { order, request, kernels, taken } = wanted;
  const failure = { request, containers: kernels.length };
  if (order.hasFailed(failure)) return undefined;
  const isOpen = (node: WorkNode): boolean =>
    hasContainersLeft(node, kernels.length) &&
    (mayUse === undefined || mayUse(node.name, onNode(node, { taken, request })));
  const { designated, failedOn, placementGroup } = session;
  if (designated === undefined && failedOn.length === 0 && placementGroup === undefined) {
    const found = order.find(request, isOpen);
    if (found === undefined && mayUse === undefined) order.noteFailure(failure);
    return found;
  }
  for (const among of designations(session)) {
    for (const avoid of failedOn.length === 0 ? [[]] : [failedOn, []]) {
      const accepts = (node: WorkNode): boolean =>
        isOpen(node) &&
        (among === undefined || among.includes(node.name)) &&
        !avoid.includes(node.name);
      const found = chooseInGroup(session, wanted, { members, accepts });
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** What the session would have on the node with this request. */
function onNode(node: WorkNode, { taken, request }: Pick<Wanted, 'taken' | 'request'>): Vector {
  return taken.reduce(
    (total, one) => (one.node === node ? plus(total, one.request) : total),
    request,
  );
}

function designations({ designated }: PendingView): readonly (readonly string[] | undefined)[] {
  if (designated === undefined) return [undefined];
  return designated.policy === 'strict' ? [designated.nodes] : [designated.nodes, undefined];
}

interface GroupChoice {
  readonly members: PlacementMembers;
  readonly accepts: (node: WorkNode) => boolean;
}

function chooseInGroup(
  { placementGroup }: PendingView,
  { order, request }: Wanted,
  { members, accepts }: GroupChoice,
): WorkNode | undefined {
  if (placementGroup === undefined) return order.find(request, accepts);
  const { name, direction, enforcement } = placementGroup;
  const occupied = members.nodesOf(name);
  const byCount = [...Map.groupBy(occupied, (node) => members.countOn(name, node))].sort(
    ([left], [right]) => (direction === 'spread' ? left - right : right - left),
  );
  const elsewhere = (): WorkNode | undefined =>
    order.find(request, (node) => members.countOn(name, node.name) === 0 && accepts(node));
  const onMembers = (): WorkNode | undefined => {
    for (const [count] of byCount) {
      const found = order.find(
        request,
        (node) => members.countOn(name, node.name) === count && accepts(node),
      );
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const isStrict = enforcement === 'strict';
  if (direction === 'spread') return elsewhere() ?? (isStrict ? undefined : onMembers());
  if (occupied.length === 0) return elsewhere();
  return onMembers() ?? (isStrict ? undefined : elsewhere());
}
