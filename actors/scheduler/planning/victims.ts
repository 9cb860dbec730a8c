import type { AfterEndings } from './after-endings.ts';
import { networkOf } from './cluster.ts';
import type { PendingView, RunningView } from './model.ts';
import type { WorkNode } from './node-order.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { isAllowed, networksFor } from './place.ts';
import { fits, minus, plus, shortfall, sum, type Vector } from './vector.ts';

/** Who would have to go, and where the kernels would lie then. */
export interface Proposal {
  readonly victims: readonly RunningView[];
  readonly at: ReadonlyMap<string, string>;
}

interface Candidates {
  readonly after: AfterEndings;
  /** In the order in which they go. */
  readonly eligible: readonly RunningView[];
  /** What is kept of a node for others. */
  readonly claims: ReadonlyMap<string, Vector>;
  /** On nodes of this network only. */
  readonly within?: string;
}

/**
 * For each piece the node that costs the fewest and least important victims. No more than a proposal: whether the
 * session is placed there then is for the placement to say. All lie in one network, where that takes fewest.
 */
export function proposeVictims(session: PendingView, candidates: Candidates): Proposal | undefined {
  const networks = networksFor(session, candidates.after.cluster);
  if (networks.length < 2) return proposeIn(session, candidates);
  return networks
    .flatMap((within) => proposeIn(session, { ...candidates, within }) ?? [])
    .reduce<Proposal | undefined>(
      (best, one) => (best === undefined || one.victims.length < best.victims.length ? one : best),
      undefined,
    );
}

function proposeIn(
  session: PendingView,
  { after: { cluster, members }, eligible, claims, within }: Candidates,
): Proposal | undefined {
  const free = new Map<string, Vector>();
  const containers = new Map<string, number>();
  const victims = new Set<RunningView>();
  const byNode = onNodes(eligible);
  const freeOn = (node: WorkNode): Vector => free.get(node.name) ?? node.free;
  const usedOn = (node: WorkNode): number => containers.get(node.name) ?? node.containers;
  const release = (one: RunningView): void => {
    for (const { node: name, request } of one.placements) {
      const node = cluster.nodes.get(name);
      if (node === undefined) continue;
      free.set(name, plus(freeOn(node), request));
      containers.set(name, usedOn(node) - 1);
    }
  };
  const victimsOn = (node: WorkNode, piece: Piece): readonly RunningView[] | undefined => {
    const { request, kernels } = piece;
    if (within !== undefined && networkOf(node) !== within) return undefined;
    if (!fits(request, node.total) || !isAllowed(node, session, members)) return undefined;
    const inOrder = (byNode.get(node.name) ?? []).filter((one) => !victims.has(one));
    const surplus = usedOn(node) + kernels.length - (node.containersMax ?? Infinity);
    const claim = claims.get(node.name);
    const room = claim === undefined ? freeOn(node) : minus(freeOn(node), claim);
    return fewest(request, { name: node.name, free: room, surplus }, inOrder);
  };
  const at = new Map<string, string>();
  for (const piece of piecesOf(session)) {
    const best = cheapest(session, cluster.compatible(session.architecture ?? ''), (node) =>
      victimsOn(node, piece),
    );
    if (best === undefined) return undefined;
    for (const victim of best.victims) {
      victims.add(victim);
      release(victim);
    }
    const { node } = best;
    free.set(node.name, minus(freeOn(node), piece.request));
    containers.set(node.name, usedOn(node) + piece.kernels.length);
    for (const kernel of piece.kernels) at.set(kernel, node.name);
  }
  return { victims: [...victims], at };
}

interface Choice {
  readonly node: WorkNode;
  readonly victims: readonly RunningView[];
}

function cheapest(
  session: PendingView,
  nodes: readonly WorkNode[],
  victimsOn: (node: WorkNode) => readonly RunningView[] | undefined,
): Choice | undefined {
  let best: Choice | undefined;
  let bestRank: readonly number[] = [];
  for (const node of nodes) {
    const victims = victimsOn(node);
    if (victims === undefined) continue;
    const rank = rankOf(node, session, victims);
    if (best !== undefined && !isLess(rank, bestRank)) continue;
    best = { node, victims };
    bestRank = rank;
  }
  return best;
}

interface Narrow {
  readonly name: string;
  readonly free: Vector;
  /** Containers that have to go. */
  readonly surplus: number;
}

/** The victims in order until there is room; those that turn out to be unneeded are spared, the last first. */
function fewest(
  request: Vector,
  { name, free, surplus }: Narrow,
  inOrder: readonly RunningView[],
): readonly RunningView[] | undefined {
  const isEnough = (some: readonly RunningView[]): boolean =>
    fits(
      request,
      some.reduce((room, one) => plus(room, heldOn(one, name)), free),
    ) && some.reduce((count, one) => count - piecesOn(one, name), surplus) <= 0;
  const chosen: RunningView[] = [];
  let room = free;
  let over = surplus;
  for (const victim of inOrder) {
    if (fits(request, room) && over <= 0) break;
    const lacking = shortfall(request, room);
    const gives = heldOn(victim, name);
    const isOfUse =
      over > 0 || gives.some((amount, slot) => amount > 0 && (lacking[slot] ?? 0) > 0);
    if (!isOfUse) continue;
    chosen.push(victim);
    room = plus(room, gives);
    over -= piecesOn(victim, name);
  }
  if (!fits(request, room) || over > 0) return undefined;
  return chosen.reduceRight<readonly RunningView[]>((some, one) => {
    const others = some.filter((each) => each !== one);
    return isEnough(others) ? others : some;
  }, chosen);
}

/** Lower comes first: as the session would choose nodes, then by whom it costs, then by how many. */
function rankOf(
  node: WorkNode,
  { designated, failedOn }: PendingView,
  victims: readonly RunningView[],
): readonly number[] {
  return [
    designated === undefined || designated.nodes.includes(node.name) ? 0 : 1,
    failedOn.includes(node.name) ? 1 : 0,
    victims.reduce((most, { jobPriority }) => Math.max(most, jobPriority), -Infinity),
    victims.length,
  ];
}

function isLess(left: readonly number[], right: readonly number[]): boolean {
  const index = left.findIndex((value, place) => value !== right[place]);
  return index !== -1 && (left[index] ?? 0) < (right[index] ?? 0);
}

function onNodes(inOrder: readonly RunningView[]): ReadonlyMap<string, readonly RunningView[]> {
  const byNode = new Map<string, RunningView[]>();
  for (const one of inOrder) {
    for (const node of new Set(one.placements.map((placement) => placement.node))) {
      const list = byNode.get(node) ?? [];
      list.push(one);
      byNode.set(node, list);
    }
  }
  return byNode;
}

function heldOn({ placements }: RunningView, node: string): Vector {
  const requests = placements.filter((one) => one.node === node).map(({ request }) => request);
  return sum(requests, requests[0]?.length ?? 0);
}

function piecesOn({ placements }: RunningView, node: string): number {
  return placements.filter((one) => one.node === node).length;
}
