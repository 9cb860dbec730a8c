import { type GroupCluster, hasContainersLeft, networkOf } from './cluster.ts';
import type { KeptRoom } from './kept-room.ts';
import type { AgentCounts, NodeView, PendingView } from './model.ts';
import type { WorkNode } from './node-order.ts';
import { type Piece, piecesOf } from './pieces.ts';
import type { Lack } from './place.ts';
import { fits, largest, shortfall, type Vector } from './vector.ts';

/** Why there is no node for it. */
export interface Shortage {
  readonly code:
    | 'no-available-instances'
    | 'architecture-mismatch'
    | 'never-fits'
    | 'agent-full'
    | 'kept-for-another'
    | 'placement-group'
    | 'no-common-network';
  readonly message: string;
  readonly missing?: Vector;
  readonly agents: AgentCounts;
}

interface Circumstances {
  readonly cluster: GroupCluster;
  readonly kept: KeptRoom;
  readonly describe: (slots: Vector) => string;
}

/** Explains one request once a pass; the like share the answer, however many wait. */
export function createShortages(circumstances: Circumstances) {
  const known = new Map<string, Shortage>();
  return (session: PendingView, lack: Lack): Shortage => {
    const key = keyOf(session, lack);
    const before = known.get(key);
    if (before !== undefined) return before;
    const shortage = explain(session, lack, circumstances);
    known.set(key, shortage);
    return shortage;
  };
}

function keyOf(session: PendingView, { piece, placed, network }: Lack): string {
  const {
    architecture = '',
    clusterMode,
    designated,
    placementGroup,
    kernels,
    runsAtMostMs,
  } = session;
  const strict = placementGroup?.enforcement === 'strict' ? placementGroup : undefined;
  return [
    architecture,
    clusterMode,
    `${kernels.length}:${placed}`,
    piece.request.join(),
    placed === 0 ? '' : kernels.map(({ request }) => request.join()).join('+'),
    designated?.policy === 'strict' ? designated.nodes.join() : '',
    strict === undefined ? '' : `${strict.direction}:${strict.name}`,
    runsAtMostMs ?? '',
    network ?? '',
  ].join('/');
}

function explain(session: PendingView, lack: Lack, circumstances: Circumstances): Shortage {
  const { cluster } = circumstances;
  const { architecture = '', designated } = session;
  const { network } = lack;
  const only = designated?.policy === 'strict' ? designated.nodes : undefined;
  const isNamed = ({ name }: { readonly name: string }): boolean => only?.includes(name) ?? true;
  const compatible = cluster.compatible(architecture);
  const candidates = compatible.filter(isNamed);
  const ever = cluster.everCompatible(architecture).filter(isNamed);
  const agents = {
    inGroup: cluster.inGroup,
    schedulable: cluster.nodes.size,
    compatible: compatible.length,
    largeEnough: candidates.filter((node) => isLargeEnough(node, lack.piece)).length,
  };
  if (agents.schedulable === 0) {
    const message = 'No agents are available for scheduling';
    return { code: 'no-available-instances', message, agents };
  }
  if (ever.length === 0 && only === undefined) {
    const message = `No agents found to be compatible with the image architecture (${architecture})`;
    return { code: 'architecture-mismatch', message, agents };
  }
  if (ever.length === 0) {
    const message = `The designated agent (${only?.join(', ')}) is not in the resource group, or not of the architecture of the image.`;
    return { code: 'no-available-instances', message, agents };
  }
  const never = neverFits(session, lack, { ever, circumstances });
  if (never !== undefined) return { code: 'never-fits', message: never, agents };
  if (agents.largeEnough === 0) {
    const away = ever.filter((view) => isLargeEnough(view, lack.piece)).length;
    const message = `No agent that takes sessions now can ${whatOf(session)}; ${away} that are drained, cordoned or lost may.`;
    return { code: 'no-available-instances', message, agents };
  }
  const within = candidates.filter((node) => network === undefined || networkOf(node) === network);
  const here = now(session, lack, { candidates: within, circumstances });
  if (here.code !== 'no-available-instances' || within.length === candidates.length)
    return { ...here, agents };
  const elsewhere = now(session, lack, { candidates, circumstances });
  return elsewhere.missing === undefined && hasRoomFor(lack.piece, candidates)
    ? { code: 'no-common-network', message: apartNow(session, lack), agents }
    : { ...here, agents };
}

interface Ever {
  readonly ever: readonly NodeView[];
  readonly circumstances: Circumstances;
}

/** Why not even an empty cluster would do. */
function neverFits(
  session: PendingView,
  { piece, network }: Lack,
  { ever, circumstances: { describe } }: Ever,
): string | undefined {
  if (!ever.some((view) => isLargeEnough(view, piece))) {
    return session.designated?.policy === 'strict'
      ? `The designated agent (${session.designated.nodes.join(', ')}) is not large enough to ${whatOf(session)}, even when it is empty (asked for: ${describe(piece.request)}).`
      : `No agent is large enough to ${whatOf(session)}, even when it is empty (asked for: ${describe(piece.request)}).`;
  }
  const pieces = piecesOf(session);
  if (pieces.length === 1) return undefined;
  const alike = pieces.filter(({ request }) => request.join() === piece.request.join()).length;
  const room = ever.reduce((count, view) => count + timesThatFit(piece.request, view), 0);
  if (room >= alike) {
    const most = Math.max(...roomByNetwork(piece.request, ever).values());
    if (network === undefined || most >= alike) return undefined;
    return `Agents that have a network in common (one engine, one swarm, or the machines' own where the group says so) have room for ${most} of the ${alike} kernels that ask for ${describe(piece.request)}, even when they are empty.`;
  }
  return `All agents together have room for ${room} of the ${alike} kernels that ask for ${describe(piece.request)}, even when they are empty.`;
}

function roomByNetwork(request: Vector, ever: readonly NodeView[]): ReadonlyMap<string, number> {
  const room = new Map<string, number>();
  for (const view of ever)
    room.set(networkOf(view), (room.get(networkOf(view)) ?? 0) + timesThatFit(request, view));
  return room;
}

function hasRoomFor({ request, kernels }: Piece, nodes: readonly WorkNode[]): boolean {
  return nodes.some((node) => fits(request, node.free) && hasContainersLeft(node, kernels.length));
}

function apartNow({ kernels }: PendingView, { placed }: Lack): string {
  return `There is room for ${placed} of ${kernels.length} kernels on agents that have a network in common, and for others only on agents that share no engine and no swarm with these.`;
}

function timesThatFit(request: Vector, { total, containersMax = Infinity }: NodeView): number {
  return request.reduce(
    (times, amount, slot) =>
      amount > 0 ? Math.min(times, Math.floor((total[slot] ?? 0) / amount)) : times,
    Math.min(containersMax, Number.MAX_SAFE_INTEGER),
  );
}

interface Now {
  readonly candidates: readonly WorkNode[];
  readonly circumstances: Circumstances;
}

function now(
  session: PendingView,
  { piece, placed }: Lack,
  { candidates, circumstances: { kept, describe } }: Now,
): Omit<Shortage, 'agents'> {
  const { request, kernels } = piece;
  const withRoom = candidates.filter(({ free }) => fits(request, free));
  const open = withRoom.filter((node) => hasContainersLeft(node, kernels.length));
  const { designated, placementGroup } = session;
  if (withRoom.length > 0 && open.length === 0) {
    const message =
      'No agents found to be available because all agents have reached the hard limit of the number of containers.';
    return { code: 'agent-full', message };
  }
  const keeper = open
    .map(({ name }) => kept.sessionOn(name))
    .find((each) => each !== undefined && each !== session.session);
  if (keeper !== undefined) {
    const message = `There is room, but it is kept for the session ${keeper}, which comes first.`;
    return { code: 'kept-for-another', message };
  }
  if (open.length > 0 && placementGroup?.enforcement === 'strict') {
    const { name, direction } = placementGroup;
    const message = `There is room, but not where the placement group ${name} allows it (${direction}).`;
    return { code: 'placement-group', message };
  }
  const free = largest(
    candidates.map((node) => node.free),
    request.length,
  );
  const missing = shortfall(request, free);
  const isMissing = missing.some((amount) => amount > 0);
  const lacks = isMissing
    ? `lacks at least ${describe(missing)}`
    : 'each of its slots is free somewhere, but no agent has them together';
  const of = placed > 0 ? `, room for ${placed} of ${session.kernels.length} kernels` : '';
  const message =
    designated?.policy === 'strict'
      ? `The designated agent (${designated.nodes.join(', ')}) does not have the enough remaining capacity (${lacks}${of}).`
      : `Could not find a contiguous resource region in any agent big enough to ${whatOf(session)} (${lacks}${of}).`;
  return { code: 'no-available-instances', message, ...(isMissing ? { missing } : {}) };
}

function isLargeEnough(
  { total, containersMax = Infinity }: Pick<NodeView, 'total' | 'containersMax'>,
  { request, kernels }: Piece,
): boolean {
  return kernels.length <= containersMax && fits(request, total);
}

function whatOf({ clusterMode }: PendingView): string {
  return clusterMode === 'multi-node' ? 'host a kernel in the session' : 'host the session';
}
