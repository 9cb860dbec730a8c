import type { GroupCluster } from './cluster.ts';
import type { KeptRoom } from './kept-room.ts';
import type { PlacementMembers } from './members.ts';
import type { PendingView, Preemption, RunningView } from './model.ts';
import type { WorkNode } from './node-order.ts';
import { type Piece, piecesOf } from './place.ts';
import { fits, minus, plus, shortfall, sum, type Vector } from './vector.ts';

/** Sessions in one pass for which victims are looked for: each look goes through the nodes. */
export const PREEMPTIONS_MAX = 100;

/** Room that comes once the victims are gone. */
export interface RoomMade {
  /** None when what is ending already is enough. */
  readonly victims: readonly RunningView[];
  /** What is left on each node of the session once it has started there. */
  readonly left: ReadonlyMap<string, Vector>;
}

interface PreemptCircumstances {
  readonly nowMs: number;
  readonly cluster: GroupCluster;
  readonly running: readonly RunningView[];
  readonly rule: Preemption;
  readonly kept: KeptRoom;
  readonly members: PlacementMembers;
}

/** Who may be ended in favour of whom, in one group and one pass. */
export function createPreemption(circumstances: PreemptCircumstances) {
  const { nowMs, running, rule } = circumstances;
  const ending = running.filter(({ isEnding }) => isEnding === true);
  const candidates = rule.isEnabled
    ? inVictimOrder(
        running.filter((one) => isVictim(one) && one.isEnding !== true),
        rule,
      )
    : [];
  const chosen = new Set<string>();
  const mayEnd = (one: RunningView, session: PendingView): boolean =>
    one.jobPriority < session.jobPriority && isInScope(one, session, rule.victimScope);
  const oldEnoughAtMs = (one: RunningView): number => one.startedAtMs + rule.runtimeMinMs;
  return {
    /**
     * The victims that make room for all of the session: of strictly lower job priority, the lowest first, and
     * no more than are needed. Each is the victim of one only.
     * @returns undefined when room cannot be made so.
     */
    makeRoom: (session: PendingView): RoomMade | undefined => {
      const eligible = candidates.filter(
        (one) => !chosen.has(one.session) && oldEnoughAtMs(one) <= nowMs && mayEnd(one, session),
      );
      if (eligible.length === 0 && ending.length === 0) return undefined;
      const made = createRoom(circumstances, { eligible, ending }).for(session);
      for (const { session: victim } of made?.victims ?? []) chosen.add(victim);
      return made;
    },
    /**
     * When somebody who is too young to be a victim will be old enough: also who has got its slots in this pass, and
     * is no victim of the same one.
     */
    dueAtMs: (session: PendingView, begun: readonly RunningView[]): number => {
      let first = Infinity;
      for (const one of candidates)
        if (oldEnoughAtMs(one) > nowMs && mayEnd(one, session))
          first = Math.min(first, oldEnoughAtMs(one));
      if (!rule.isEnabled) return first;
      for (const one of begun)
        if (isVictim(one) && mayEnd(one, session))
          first = Math.min(first, Math.max(oldEnoughAtMs(one), nowMs + 1));
      return first;
    },
  };
}

function isVictim({ isPreemptible, sessionType }: RunningView): boolean {
  return isPreemptible && sessionType !== 'system';
}

interface WhoLeaves {
  readonly eligible: readonly RunningView[];
  readonly ending: readonly RunningView[];
}

/** Nodes as they would be, piece by piece. */
function createRoom(
  { cluster, kept, members }: PreemptCircumstances,
  { eligible, ending }: WhoLeaves,
) {
  const free = new Map<string, Vector>();
  const containers = new Map<string, number>();
  const victims = new Set<RunningView>();
  const byNode = onNodes(eligible);
  const freeOn = (node: WorkNode): Vector => free.get(node.name) ?? node.free;
  const release = (one: RunningView): void => {
    for (const { node: name, request } of one.placements) {
      const node = cluster.nodes.get(name);
      if (node === undefined) continue;
      free.set(name, plus(freeOn(node), request));
      containers.set(name, (containers.get(name) ?? node.containers) - 1);
    }
  };
  ending.forEach(release);
  const claims = new Map<string, Vector>();
  /** Without what is kept there for others. */
  const roomOn = (node: WorkNode): Vector => {
    const left = kept.leftOn(node.name);
    if (left === undefined) return freeOn(node);
    const claim = claims.get(node.name) ?? shortfall(freeOn(node), left);
    claims.set(node.name, claim);
    return minus(freeOn(node), claim);
  };

  function victimsOn(
    node: WorkNode,
    { request, kernels }: Piece,
  ): readonly RunningView[] | undefined {
    if (!fits(request, node.total)) return undefined;
    const inOrder = (byNode.get(node.name) ?? []).filter((one) => !victims.has(one));
    const used = containers.get(node.name) ?? node.containers;
    const most = node.containersMax;
    const surplus = most === undefined ? -Infinity : used + kernels.length - most;
    return fewest(request, { name: node.name, free: roomOn(node), surplus }, inOrder);
  }

  function settle(piece: Piece, session: PendingView): WorkNode | undefined {
    let best: { readonly node: WorkNode; readonly victims: readonly RunningView[] } | undefined;
    let bestRank: readonly number[] = [];
    for (const node of cluster.compatible(session.architecture ?? '')) {
      if (!isAllowed(node, session, members)) continue;
      const found = victimsOn(node, piece);
      if (found === undefined) continue;
      const rank = rankOf(node, session, found);
      if (best !== undefined && !isLess(rank, bestRank)) continue;
      best = { node, victims: found };
      bestRank = rank;
    }
    if (best === undefined) return undefined;
    for (const victim of best.victims) {
      victims.add(victim);
      release(victim);
    }
    const { node } = best;
    free.set(node.name, minus(freeOn(node), piece.request));
    containers.set(
      node.name,
      (containers.get(node.name) ?? node.containers) + piece.kernels.length,
    );
    return node;
  }

  return {
    for: (session: PendingView): RoomMade | undefined => {
      const nodes: WorkNode[] = [];
      for (const piece of piecesOf(session)) {
        const node = settle(piece, session);
        if (node === undefined) return undefined;
        nodes.push(node);
      }
      return {
        victims: [...victims],
        left: new Map(nodes.map((node) => [node.name, freeOn(node)])),
      };
    },
  };
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

function isAllowed(
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

function inVictimOrder(
  running: readonly RunningView[],
  { order }: Preemption,
): readonly RunningView[] {
  const counts = new Map<string, number>();
  for (const { owner } of running) counts.set(owner.userId, (counts.get(owner.userId) ?? 0) + 1);
  return running.toSorted(
    (left, right) =>
      left.jobPriority - right.jobPriority ||
      byRule(left, right, { order, counts }) ||
      (left.session < right.session ? -1 : 1),
  );
}

function isInScope(
  { owner }: RunningView,
  session: PendingView,
  scope: Preemption['victimScope'],
): boolean {
  switch (scope) {
    case 'user':
      return owner.userId === session.owner.userId;
    case 'project':
      return owner.projectId === session.owner.projectId;
    case 'domain':
      return owner.domain === session.owner.domain;
    case 'resource-group':
      return true;
  }
}

interface Rule {
  readonly order: Preemption['order'];
  readonly counts: ReadonlyMap<string, number>;
}

function byRule(left: RunningView, right: RunningView, { order, counts }: Rule): number {
  switch (order) {
    case 'oldest':
      return left.startedAtMs - right.startedAtMs;
    case 'newest':
      return right.startedAtMs - left.startedAtMs;
    case 'fewest-sessions':
      return (counts.get(left.owner.userId) ?? 0) - (counts.get(right.owner.userId) ?? 0);
    case 'smallest-resources':
      return compareInOrder(heldBy(left), heldBy(right));
  }
}

function compareInOrder(left: Vector, right: Vector): number {
  const slot = left.findIndex((amount, place) => amount !== right[place]);
  return slot === -1 ? 0 : (left[slot] ?? 0) - (right[slot] ?? 0);
}

function heldBy({ placements }: RunningView): Vector {
  const requests = placements.map(({ request }) => request);
  return sum(requests, requests[0]?.length ?? 0);
}

function heldOn({ placements }: RunningView, node: string): Vector {
  const requests = placements.filter((one) => one.node === node).map(({ request }) => request);
  return sum(requests, requests[0]?.length ?? 0);
}

function piecesOn({ placements }: RunningView, node: string): number {
  return placements.filter((one) => one.node === node).length;
}
