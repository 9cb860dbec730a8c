import { type GroupCluster, hasContainersLeft, networkOf, type Taken } from './cluster.ts';
import { isWorthSearching, search } from './gang-search.ts';
import type { Claim } from './kept-room.ts';
import type { PlacementMembers } from './members.ts';
import type { PendingView, Placed } from './model.ts';
import type { NodeOrder, WorkNode } from './node-order.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { fits, plus, type Vector } from './vector.ts';

export interface PlaceCircumstances {
  readonly cluster: GroupCluster;
  /** Sessions of each placement group on each node, kept by the pass. */
  readonly members: PlacementMembers;
  /** Whether room that is kept for others lets the session have so much of a node; absent: nothing is kept. */
  readonly mayUse?: (node: string, claim: Claim) => boolean;
  /** Asked before what was taken for the session is given back. */
  readonly onLack?: (lack: Lack) => void;
  /** There or nowhere: the node of each kernel. */
  readonly at?: ReadonlyMap<string, string>;
  /** On nodes of this network or nowhere. */
  readonly within?: string;
}

/** The piece for which there was no node, and how many pieces had found theirs. */
export interface Lack {
  readonly piece: Piece;
  readonly placed: number;
  /** Where the pieces before it lie, and those after it would have to. */
  readonly network?: string | undefined;
}

export interface Settled {
  readonly placements: Placed['placements'];
  readonly taken: readonly Taken[];
}

export type PlaceOutcome = Settled | { readonly lack: Lack };

/** All kernels of the session or none, on nodes of one network; what it takes is taken from the cluster. */
export function place(session: PendingView, circumstances: PlaceCircumstances): PlaceOutcome {
  const networks =
    circumstances.at === undefined ? networksFor(session, circumstances.cluster) : [];
  if (networks.length < 2) return placeWithin(session, circumstances);
  const { onLack: _, ...quietly } = circumstances;
  let closest: { readonly within: string; readonly placed: number } | undefined;
  for (const within of preferredFirst(session, networks, circumstances)) {
    const outcome = placeWithin(session, { ...quietly, within });
    if ('taken' in outcome) return outcome;
    const { placed } = outcome.lack;
    if (closest === undefined || placed > closest.placed) closest = { within, placed };
  }
  return placeWithin(session, { ...circumstances, ...closest });
}

/** Of nodes on which kernels of the session may lie apart; none when they cannot. */
export function networksFor(session: PendingView, { networks }: GroupCluster): readonly string[] {
  return session.clusterMode === 'multi-node' && session.kernels.length > 1 ? networks : [];
}

/** The network of the node that its first piece would have if there were only this piece. */
function preferredFirst(
  session: PendingView,
  networks: readonly string[],
  circumstances: PlaceCircumstances,
): readonly string[] {
  const [first] = piecesOf(session);
  const node = first && choose(session, { ...first, taken: [] }, circumstances);
  // Where there is none for it alone, there is none in any of them.
  if (node === undefined) return networks.slice(0, 1);
  const preferred = networkOf(node);
  return [preferred, ...networks.filter((network) => network !== preferred)];
}

function placeWithin(session: PendingView, circumstances: PlaceCircumstances): PlaceOutcome {
  const { cluster } = circumstances;
  const pieces = piecesOf(session);
  const taken: Taken[] = [];
  const failuresBefore = new Map<NodeOrder, number>();
  for (const piece of pieces) {
    const order = cluster.orderFor(session, piece.request);
    if (!failuresBefore.has(order)) failuresBefore.set(order, order.failures);
    const node = choose(session, { ...piece, taken }, circumstances);
    if (node === undefined) break;
    taken.push(cluster.take(node, piece.request, piece.kernels.length));
  }
  const piece = pieces[taken.length];
  if (piece === undefined) return settled(session, pieces, taken);
  // Where the pieces before it lie may be why there is no node.
  if (taken.length > 0) {
    for (const [each, count] of failuresBefore) each.forgetFailures(count);
  }
  const lack = { piece, placed: taken.length, network: circumstances.within };
  if (circumstances.at === undefined && isWorthSearching(pieces, taken.length)) {
    const nodes = taken.map(({ node }) => node);
    giveBack(cluster, taken);
    // Where there is no node for it alone, none will be found behind others.
    const isHopeless = choose(session, { ...piece, taken: [] }, circumstances) === undefined;
    const found = isHopeless ? undefined : searched(session, pieces, circumstances);
    if (found !== undefined) return settled(session, pieces, found);
    for (const [index, { kernels, request }] of pieces.entries()) {
      const node = nodes[index];
      if (node !== undefined) taken.push(cluster.take(node, request, kernels.length));
    }
  }
  circumstances.onLack?.(lack);
  giveBack(cluster, taken);
  return { lack };
}

function giveBack(cluster: GroupCluster, taken: Taken[]): void {
  for (const one of taken.splice(0).reverse()) cluster.giveBack(one);
}

function searched(
  session: PendingView,
  pieces: readonly Piece[],
  circumstances: PlaceCircumstances,
): readonly Taken[] | undefined {
  const { cluster, mayUse } = circumstances;
  return search({
    pieces,
    cluster,
    isRoomKept: mayUse !== undefined,
    choose: (piece, taken, isTried) => choose(session, { ...piece, taken, isTried }, circumstances),
  });
}

/** In the order of the kernels, whatever the order in which they found their nodes. */
function settled(
  { kernels }: PendingView,
  pieces: readonly Piece[],
  taken: readonly Taken[],
): Settled {
  const [first] = taken;
  if (pieces.length === 1 && first !== undefined)
    return {
      placements: kernels.map(({ kernel }) => ({ kernel, node: first.node.name })),
      taken,
    };
  const nodes = new Map(
    pieces.map((piece, index) => [piece.kernels[0], taken[index]?.node.name ?? '']),
  );
  return {
    placements: kernels.map(({ kernel }) => ({ kernel, node: nodes.get(kernel) ?? '' })),
    taken,
  };
}

interface Wanted extends Piece {
  readonly taken: readonly Taken[];
  /** Nodes that were tried before. */
  readonly isTried?: (node: WorkNode) => boolean;
}

/**
 * Each step narrows to the best that is left: nodes named for the session, nodes where it did not fail, nodes
 * with fewest (or most) of its placement group; then the strategy.
 */
function choose(
  session: PendingView,
  wanted: Wanted,
  { cluster, members, mayUse, at, within }: PlaceCircumstances,
): WorkNode | undefined {
  const { request, kernels, taken, isTried } = wanted;
  const isOpen = (node: WorkNode): boolean =>
    hasContainersLeft(node, kernels.length) &&
    (within === undefined || networkOf(node) === within) &&
    (mayUse === undefined || mayUse(node.name, onNode(node, wanted))) &&
    isTried?.(node) !== true;
  if (at !== undefined) {
    const node = cluster.nodes.get(at.get(kernels[0] ?? '') ?? '');
    const isIt = node !== undefined && isCompatible(node, session) && fits(request, node.free);
    return isIt && isOpen(node) && isAllowed(node, session, members) ? node : undefined;
  }
  const order = cluster.orderFor(session, request);
  const failure = { request, containers: kernels.length };
  if (order.hasFailed(failure)) return undefined;
  const { designated, failedOn, placementGroup } = session;
  if (designated === undefined && failedOn.length === 0 && placementGroup === undefined) {
    const found = order.find(request, isOpen);
    const isSure = mayUse === undefined && isTried === undefined && within === undefined;
    if (found === undefined && isSure) order.noteFailure(failure);
    return found;
  }
  for (const among of designations(session)) {
    for (const avoid of failedOn.length === 0 ? [[]] : [failedOn, []]) {
      const accepts = (node: WorkNode): boolean =>
        isOpen(node) &&
        isAllowed(node, session, members) &&
        (among === undefined || among.includes(node.name)) &&
        !avoid.includes(node.name);
      const found = chooseInGroup(session, { order, request, taken }, { members, accepts });
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** What the session would have on the node with this piece. */
function onNode(node: WorkNode, { taken, request, kernels }: Wanted): Claim {
  return taken.reduce(
    (total, one) =>
      one.node === node
        ? {
            request: plus(total.request, one.request),
            containers: total.containers + one.containers,
          }
        : total,
    { request, containers: kernels.length },
  );
}

function designations({ designated }: PendingView): readonly (readonly string[] | undefined)[] {
  if (designated === undefined) return [undefined];
  return designated.policy === 'strict' ? [designated.nodes] : [designated.nodes, undefined];
}

/** Whether the image runs there. */
function isCompatible(
  { architecture }: WorkNode,
  { architecture: wanted = '' }: PendingView,
): boolean {
  return wanted === '' || wanted === architecture;
}

/** Whether those for whom it was named, and its placement group, let it lie there. */
export function isAllowed(
  node: WorkNode,
  { designated, placementGroup }: PendingView,
  members: PlacementMembers,
): boolean {
  if (designated?.policy === 'strict' && !designated.nodes.includes(node.name)) return false;
  if (placementGroup?.enforcement !== 'strict') return true;
  const { name, direction } = placementGroup;
  const count = members.countOn(name, node.name);
  if (direction === 'spread') return count === 0;
  return count > 0 || members.nodesOf(name).length === 0;
}

interface GroupChoice {
  readonly members: PlacementMembers;
  readonly accepts: (node: WorkNode) => boolean;
}

interface Search {
  readonly order: NodeOrder;
  readonly request: Vector;
  readonly taken: readonly Taken[];
}

/** Nodes with fewest, or most, of its placement group first; whether they are allowed is known already. */
function chooseInGroup(
  { placementGroup }: PendingView,
  { order, request }: Search,
  { members, accepts }: GroupChoice,
): WorkNode | undefined {
  if (placementGroup === undefined) return order.find(request, accepts);
  const { name, direction, enforcement } = placementGroup;
  const occupied = members.nodesOf(name);
  const counts = [...new Set(occupied.map((node) => members.countOn(name, node)))].sort(
    (left, right) => (direction === 'spread' ? left - right : right - left),
  );
  const isStrict = enforcement === 'strict';
  const further = isStrict ? [] : counts;
  const none = isStrict && occupied.length > 0 ? [] : [0];
  for (const count of direction === 'spread' ? [0, ...further] : [...counts, ...none]) {
    const found = order.find(
      request,
      (node) => members.countOn(name, node.name) === count && accepts(node),
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
