import fc from 'fast-check';
import {
  DEFAULT_GROUP_POLICY,
  type GroupPolicy,
  type NodeView,
  OWNER_KINDS,
  type OwnerKind,
  type PendingView,
  type RunningView,
  type Situation,
} from '../../../../../actors/scheduler/planning/model.ts';

export const NOW_MS = 1_000_000;
const SLOTS = ['cuda.device', 'cuda.shares', 'cpu', 'mem'];
const USERS = ['ann', 'bob', 'cat'];

export const GROUP_POLICY: fc.Arbitrary<GroupPolicy> = fc.record({
  ordering: fc.constantFrom(
    'fifo' as const,
    'lifo' as const,
    'drf' as const,
    'fair-share' as const,
  ),
  strategy: fc.constantFrom(
    'dispersed' as const,
    'concentrated' as const,
    'round-robin' as const,
    'minimum-occupied' as const,
    'weighted' as const,
  ),
  allowedSessionTypes: fc.constant(DEFAULT_GROUP_POLICY.allowedSessionTypes),
  pendingTimeoutMs: fc.constant(0),
  reservation: fc.constantFrom('none' as const, 'first-blocked' as const),
  preemption: fc.record({
    isEnabled: fc.boolean(),
    order: fc.constantFrom(
      'oldest' as const,
      'newest' as const,
      'fewest-sessions' as const,
      'smallest-resources' as const,
    ),
    mode: fc.constantFrom('terminate' as const, 'reschedule' as const),
    runtimeMinMs: fc.constantFrom(0, 100_000),
    victimScope: fc.constantFrom('user' as const, 'resource-group' as const),
  }),
});

const AMOUNTS = fc.tuple(
  fc.constantFrom(0, 0, 1000, 2000),
  fc.constantFrom(0, 0, 100, 333),
  fc.integer({ min: 0, max: 6000 }),
  fc.integer({ min: 0, max: 64 }),
);

const NODE = fc.record({
  architecture: fc.constantFrom('x86_64', 'x86_64', 'aarch64'),
  isSchedulable: fc.constantFrom(true, true, true, false),
  total: fc.tuple(
    fc.constantFrom(0, 4000),
    fc.constantFrom(0, 1000),
    fc.integer({ min: 1000, max: 16_000 }),
    fc.integer({ min: 16, max: 256 }),
  ),
  containersMax: fc.constantFrom(undefined, undefined, 3),
  network: fc.constantFrom(undefined, 'one', 'one', 'two'),
});

const SESSION = fc.record({
  amounts: fc.array(AMOUNTS, { minLength: 1, maxLength: 4 }),
  user: fc.constantFrom(...USERS),
  priority: fc.constantFrom(10, 10, 20),
  architecture: fc.constantFrom(undefined, 'x86_64', 'aarch64'),
  clusterMode: fc.constantFrom('single-node' as const, 'multi-node' as const),
  jobPriority: fc.integer({ min: 0, max: 3 }),
  runsAtMostMs: fc.constantFrom(undefined, 10_000, 100_000),
  failedOn: fc.constantFrom<readonly string[]>([], [], ['n0', 'n1']),
  designated: fc.constantFrom(
    undefined,
    undefined,
    { nodes: ['n0', 'n2'], policy: 'strict' as const },
    { nodes: ['n1'], policy: 'preferred' as const },
  ),
  placementGroup: fc.constantFrom(
    undefined,
    undefined,
    { name: 'web', direction: 'spread' as const, enforcement: 'strict' as const },
    { name: 'db', direction: 'pack' as const, enforcement: 'preferred' as const },
  ),
});

type RandomSession = typeof SESSION extends fc.Arbitrary<infer Value> ? Value : never;

interface Options {
  readonly policy?: fc.Arbitrary<GroupPolicy>;
  readonly isLimited?: boolean;
  readonly runningMax?: number;
}

/** Situations of one group in which everything happens: what runs was placed within the capacity. */
export function randomSituation({
  policy = GROUP_POLICY,
  isLimited = true,
  runningMax = 6,
}: Options = {}) {
  return fc
    .record({
      nodes: fc.array(NODE, { minLength: 1, maxLength: 5 }),
      running: fc.array(SESSION, { maxLength: runningMax }),
      pending: fc.array(SESSION, { maxLength: 14 }),
      policy,
      quota: fc.constantFrom(Infinity, 4000, 12_000),
      sessionsMax: fc.constantFrom(undefined, 2, 5),
      pendingMax: fc.constantFrom(undefined, 1, 3),
      pendingOf: fc.constantFrom(...OWNER_KINDS),
    })
    .map((random): Situation => {
      const nodes = random.nodes.map(
        ({ containersMax, ...node }, index): NodeView => ({
          ...node,
          name: `n${index}`,
          group: 'default',
          free: node.total,
          containers: 0,
          ...(containersMax === undefined ? {} : { containersMax }),
          turn: index,
        }),
      );
      const limit = [Infinity, Infinity, random.quota, Infinity];
      const base: Situation = {
        nowMs: NOW_MS,
        slots: SLOTS,
        nodes,
        pending: random.pending.map((one, index) => pendingOf(one, `p${index}`)),
        running: [],
        groups: { default: random.policy },
        limits: {
          keypairs: new Map(
            !isLimited
              ? []
              : USERS.map((user) => [
                  user,
                  {
                    total: limit,
                    ...(random.sessionsMax === undefined
                      ? {}
                      : { concurrentSessionsMax: random.sessionsMax }),
                  },
                ]),
          ),
          users: new Map(),
          projects: new Map(isLimited ? [['lab', [Infinity, Infinity, 30_000, Infinity]]] : []),
          domains: new Map(),
          pending: {
            keypair: new Map(),
            user: new Map(),
            project: new Map(),
            domain: new Map(),
            ...(isLimited && random.pendingMax !== undefined
              ? { [random.pendingOf]: pendingLimits(random.pendingOf, random.pendingMax) }
              : {}),
          },
        },
        usage: new Map(),
        factors: new Map([['default', FACTORS]]),
      };
      return random.running.reduce(withRunning, base);
    });
}

function pendingLimits(
  kind: OwnerKind,
  sessionsMax: number,
): ReadonlyMap<string, { readonly sessionsMax: number }> {
  const ids = { keypair: USERS, user: USERS, project: ['lab'], domain: ['default'] }[kind];
  return new Map(ids.map((id) => [id, { sessionsMax }]));
}

const FACTORS = new Map([
  ['user:ann', 0.2],
  ['user:bob', 0.8],
]);

function pendingOf(one: RandomSession, session: string): PendingView {
  const { amounts, user, architecture, designated, placementGroup, runsAtMostMs, ...rest } = one;
  return {
    ...rest,
    session,
    name: session,
    attempt: 1,
    queuedAtMs: NOW_MS - 1000,
    sessionType: 'batch',
    group: 'default',
    owner: { userId: user, accessKey: user, projectId: 'lab', domain: 'default' },
    kernels: amounts.map((request, index) => ({ kernel: `${session}/${index}`, request })),
    dependencies: [],
    ...(architecture === undefined ? {} : { architecture }),
    ...(designated === undefined ? {} : { designated }),
    ...(placementGroup === undefined ? {} : { placementGroup }),
    ...(runsAtMostMs === undefined ? {} : { runsAtMostMs }),
  };
}

/** Runs on the first node with room for all of it, if there is one. */
function withRunning(situation: Situation, one: RandomSession, index: number): Situation {
  const view = pendingOf(one, `r${index}`);
  const total = view.kernels.reduce(
    (sum, { request }) => sum.map((amount, slot) => amount + (request[slot] ?? 0)),
    SLOTS.map(() => 0),
  );
  const node = situation.nodes.find(
    ({ free, containers, containersMax = Infinity }) =>
      total.every((amount, slot) => amount <= (free[slot] ?? 0)) &&
      containers + view.kernels.length <= containersMax,
  );
  if (node === undefined) return situation;
  const placements = view.kernels.map(({ request }) => ({ node: node.name, request }));
  const { session, group, owner, sessionType, jobPriority, placementGroup, runsAtMostMs } = view;
  const running: RunningView = {
    session,
    group,
    owner,
    sessionType,
    jobPriority,
    placements,
    startedAtMs: NOW_MS - 50_000 - index * 20_000,
    isPreemptible: index % 4 !== 3,
    ...(runsAtMostMs === undefined ? {} : { endsAtMs: NOW_MS + runsAtMostMs }),
    ...(placementGroup === undefined ? {} : { placementGroup: placementGroup.name }),
  };
  return afterStart(situation, running);
}

/** The situation once that runs too. */
export function afterStart(situation: Situation, running: RunningView): Situation {
  const nodes = situation.nodes.map((node) => {
    const here = running.placements.filter((placement) => placement.node === node.name);
    return {
      ...node,
      free: node.free.map((amount, slot) =>
        here.reduce((left, { request }) => left - (request[slot] ?? 0), amount),
      ),
      containers: node.containers + here.length,
    };
  });
  const usage = new Map(situation.usage);
  const { accessKey, userId, projectId, domain } = running.owner;
  const keys = [`keypair:${accessKey}`, `user:${userId}`, `project:${projectId}`];
  for (const key of [...keys, `domain:${domain}`]) {
    const held = usage.get(key) ?? { slots: SLOTS.map(() => 0), sessions: 0, systemSessions: 0 };
    const slots = held.slots.map((amount, slot) =>
      running.placements.reduce((sum, { request }) => sum + (request[slot] ?? 0), amount),
    );
    usage.set(key, { ...held, slots, sessions: held.sessions + 1 });
  }
  return { ...situation, nodes, usage, running: [...situation.running, running] };
}
