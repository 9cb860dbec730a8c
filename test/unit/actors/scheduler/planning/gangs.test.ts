import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GroupCluster } from '../../../../../actors/scheduler/planning/cluster.ts';
import { LOOKS_OF_GANG_MAX } from '../../../../../actors/scheduler/planning/gang-search.ts';
import { PlacementMembers } from '../../../../../actors/scheduler/planning/members.ts';
import {
  DEFAULT_GROUP_POLICY,
  type NodeView,
  type PendingView,
  type Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { type PlaceOutcome, place } from '../../../../../actors/scheduler/planning/place.ts';
import { plan } from '../../../../../actors/scheduler/planning/plan.ts';
import type { Vector } from '../../../../../actors/scheduler/planning/vector.ts';
import { randomSituation } from './random-situation.ts';

const gangs = suite('scheduler: gangs whose kernels differ in size');
const RUNS = { numRuns: 4000, seed: 20_261 };

gangs('without limits no session that fits an idle cluster waits on it', () => {
  const seen = { placed: 0, unlike: 0, waiting: 0 };
  fc.assert(
    fc.property(randomSituation({ isLimited: false }), (situation) => {
      const [session] = situation.pending;
      if (session === undefined) return;
      const nodes = situation.nodes.map((node) => ({ ...node, free: node.total, containers: 0 }));
      const idle = { ...situation, running: [], nodes, usage: new Map(), pending: [session] };
      const isPlaced = plan(idle).placed.length === 1;
      assert.is(isPlaced, fitsInANetwork(session, nodes));
      if (!isPlaced) seen.waiting += 1;
      else if (session.clusterMode === 'multi-node' && session.kernels.length > 2) seen.unlike += 1;
      else seen.placed += 1;
    }),
    RUNS,
  );
  assert.ok(Math.min(...Object.values(seen)) > 50, JSON.stringify(seen));
});

function piecesOf({ clusterMode, kernels }: PendingView): readonly (readonly Vector[])[] {
  const requests = kernels.map(({ request }) => request);
  return clusterMode === 'multi-node' ? requests.map((request) => [request]) : [requests];
}

function fitsInANetwork(session: PendingView, nodes: readonly NodeView[]): boolean {
  const pieces = piecesOf(session);
  const networks = Map.groupBy(nodes, ({ network }) => network);
  const parts = pieces.length === 1 ? [nodes] : [...networks.values()];
  return parts.some((some) => fitsSomehow(pieces, some, session));
}

/** Tries every way, in the order of the kernels. */
function fitsSomehow(
  [piece, ...others]: readonly (readonly Vector[])[],
  nodes: readonly NodeView[],
  session: PendingView,
): boolean {
  if (piece === undefined) return true;
  const { architecture, designated } = session;
  const total = piece.reduce((sum, one) => sum.map((amount, slot) => amount + (one[slot] ?? 0)));
  return nodes.some((node, index) => {
    const isFit =
      node.isSchedulable &&
      (architecture ?? node.architecture) === node.architecture &&
      (designated?.policy !== 'strict' || designated.nodes.includes(node.name)) &&
      node.containers + piece.length <= (node.containersMax ?? Infinity) &&
      total.every((amount, slot) => amount === 0 || amount <= (node.free[slot] ?? 0));
    if (!isFit) return false;
    const free = node.free.map((amount, slot) => amount - (total[slot] ?? 0));
    const taken = { ...node, free, containers: node.containers + piece.length };
    return fitsSomehow(others, nodes.toSpliced(index, 1, taken), session);
  });
}

function gangOf(session: string, requests: readonly Vector[]): PendingView {
  return {
    session,
    name: session,
    attempt: 1,
    queuedAtMs: 0,
    priority: 10,
    sessionType: 'batch',
    group: 'default',
    clusterMode: 'multi-node',
    owner: { userId: 'ann', accessKey: 'ann', projectId: 'lab', domain: 'default' },
    kernels: requests.map((request, index) => ({ kernel: `${session}/${index}`, request })),
    dependencies: [],
    failedOn: [],
    jobPriority: 0,
  };
}

function situationWith(totals: readonly Vector[], pending: readonly PendingView[]): Situation {
  return {
    nowMs: 0,
    slots: ['cpu', 'mem'],
    nodes: totals.map((total, turn) => ({
      name: `n${turn}`,
      group: 'default',
      architecture: 'x86_64',
      isSchedulable: true,
      total,
      free: total,
      containers: 0,
      turn,
    })),
    pending,
    running: [],
    groups: { default: DEFAULT_GROUP_POLICY },
    limits: {
      keypairs: new Map(),
      users: new Map(),
      projects: new Map(),
      domains: new Map(),
    },
    usage: new Map(),
  };
}

function placeIn(cluster: GroupCluster, session: PendingView): PlaceOutcome {
  return place(session, { cluster, members: new PlacementMembers() });
}

gangs('each kernel has the node that was found for its size, in the order of the kernels', () => {
  const gang = gangOf('g', [
    [1000, 1],
    [4000, 4],
    [2000, 2],
  ]);
  const { placed } = plan(
    situationWith(
      [
        [2000, 2],
        [4000, 4],
        [1000, 1],
      ],
      [gang],
    ),
  );
  assert.equal(placed[0]?.placements, [
    { kernel: 'g/0', node: 'n2' },
    { kernel: 'g/1', node: 'n1' },
    { kernel: 'g/2', node: 'n0' },
  ]);
});

gangs('where the largest first is not enough another node is tried for it', () => {
  // Dispersed: the first goes where most is free, where only the second fits.
  const gang = gangOf('g', [
    [3000, 1],
    [2000, 8],
  ]);
  const { placed } = plan(
    situationWith(
      [
        [4000, 8],
        [3000, 1],
      ],
      [gang],
    ),
  );
  assert.equal(
    placed[0]?.placements.map(({ node }) => node),
    ['n1', 'n0'],
  );
});

gangs('the search for one gang and for all of a pass ends at its limit', () => {
  // Each kernel fits many nodes, all of them another size; together they lack one thing.
  const totals = Array.from({ length: 40 }, (_, index) => [10_000 + index, 10_000 - index]);
  const requests = [
    ...Array.from({ length: 40 }, (_, index) => [6000 + index, 1000]),
    [1000, 9_999],
  ];
  const cluster = new GroupCluster(
    situationWith(totals, []).nodes,
    ['cpu', 'mem'],
    DEFAULT_GROUP_POLICY,
  );
  const before = cluster.looksLeft;
  const gang = gangOf('g', requests);
  const outcome = placeIn(cluster, gang);
  assert.ok('lack' in outcome);
  const looks = before - cluster.looksLeft;
  assert.ok(looks >= LOOKS_OF_GANG_MAX && looks <= LOOKS_OF_GANG_MAX + totals.length, `${looks}`);
  for (let count = 0; count < 20; count += 1) placeIn(cluster, gang);
  assert.ok(cluster.looksLeft <= 0 && cluster.looksLeft > -totals.length, `${cluster.looksLeft}`);
  for (const [index, { free }] of [...cluster.nodes.values()].entries())
    assert.equal(free, totals[index]);
});

gangs.run();
