import type {
  GroupPolicy,
  NodeView,
  PendingView,
  RunningView,
  Situation,
} from '../../actors/scheduler/planning/model.ts';
import { DEFAULT_GROUP_POLICY } from '../../actors/scheduler/planning/model.ts';
import { plan } from '../../actors/scheduler/planning/plan.ts';
import { monotonicMs, percentile, print } from './measure.ts';

const GIB = 2 ** 30;
const SLOTS = ['cuda.device', 'cuda.shares', 'cpu', 'mem'];
const SIZES = [1000, 5000, 10_000];
const USERS = 50;
const SAMPLES = 9;
const SAMPLES_LARGE = 3;
/** Passes that pay for the compiler and are not counted. */
const WARM_UPS = 3;

type Kind = 'plain' | 'gpu' | 'fractional' | 'multi-node';

/**
 * The pure decision by itself, every check on: each owner has limits, each session a dependency that has
 * succeeded, the queue has priorities and two orders of arrival.
 */
export async function schedule({ agentsMax }: { readonly agentsMax: number }): Promise<void> {
  const sizes = SIZES.filter((each) => each <= agentsMax);
  const costs = sizes.map((agents) => {
    return size({ agents, pending: 10 * agents, samples: agents > 1000 ? SAMPLES_LARGE : SAMPLES });
  });
  printGrowth(sizes, costs);
  kinds();
  policies();
  fullCluster();
}

interface Size {
  readonly agents: number;
  readonly pending: number;
  readonly samples: number;
}

/** @returns the CPU time of one pass in ms. */
function size({ agents, pending, samples }: Size): number {
  const bench = `schedule ${agents} x ${pending}`;
  const situation = situationOf({ agents, pending, kind: 'plain' });
  const passes = measure(situation, samples);
  const p50 = percentile(passes.ms, 0.5);
  print({ bench, metric: 'pass_ms_p50', value: p50, unit: 'ms' });
  print({ bench, metric: 'pass_ms_p99', value: percentile(passes.ms, 0.99), unit: 'ms' });
  print({ bench, metric: 'placed', value: passes.placed, unit: 'sessions' });
  const rate = (passes.placed * 1000) / p50;
  print({ bench, metric: 'placements_per_s', value: rate, unit: '1/s' });
  const cpuMs = percentile(passes.cpuMs, 0.5);
  print({ bench, metric: 'pass_cpu_ms_p50', value: cpuMs, unit: 'ms' });
  const { rss, heapUsed } = process.memoryUsage();
  print({ bench, metric: 'rss_mib', value: rss / 2 ** 20, unit: 'MiB' });
  print({ bench, metric: 'heap_mib', value: heapUsed / 2 ** 20, unit: 'MiB' });
  return cpuMs;
}

/** How many times the CPU of the smallest size each larger one takes; linear would be as many as it has agents. */
function printGrowth(sizes: readonly number[], costs: readonly number[]): void {
  const [smallest = 1] = sizes;
  const [least = 1] = costs;
  for (const [index, agents] of sizes.entries()) {
    if (index === 0) continue;
    const metric = `growth_of_${agents / smallest}x`;
    print({ bench: 'schedule', metric, value: (costs[index] ?? 0) / least, unit: 'ratio' });
  }
}

/** What other requests cost in CPU, to plain ones, for each kernel placed. */
function kinds(): void {
  const bench = 'schedule 1000 x 10000';
  const cost = (kind: Kind): number => {
    const load = { agents: 1000, pending: 10_000, kind };
    const { cpuMs, kernels } = measure(situationOf(load), SAMPLES);
    return percentile(cpuMs, 0.5) / kernels;
  };
  const plain = cost('plain');
  for (const kind of ['gpu', 'fractional', 'multi-node'] as const) {
    const metric = `${kind.replace('-', '_')}_to_plain`;
    print({ bench, metric, value: cost(kind) / plain, unit: 'ratio' });
  }
}

function policies(): void {
  const bench = 'schedule 1000 x 10000';
  const base = situationOf({ agents: 1000, pending: 10_000, kind: 'plain' });
  const policies: Readonly<Record<string, Partial<GroupPolicy>>> = {
    concentrated: { strategy: 'concentrated' },
    round_robin: { strategy: 'round-robin' },
    weighted: { strategy: 'weighted' },
    drf: { ordering: 'drf' },
    fair_share: { ordering: 'fair-share' },
    first_blocked: { reservation: 'first-blocked' },
  };
  for (const [name, policy] of Object.entries(policies)) {
    const groups = { default: { ...DEFAULT_GROUP_POLICY, ...policy } };
    const { ms } = measure({ ...base, groups }, SAMPLES);
    print({ bench, metric: `pass_ms_p50_${name}`, value: percentile(ms, 0.5), unit: 'ms' });
  }
}

/** Nothing fits: nothing changes, so no pass is made; and what one ended session costs. */
function fullCluster(): void {
  const bench = 'schedule full 1000 x 10000';
  const base = situationOf({ agents: 1000, pending: 10_000, kind: 'plain' });
  const full = base.nodes.map((node) => ({ ...node, free: node.free.map(() => 0) }));
  const running = base.nodes.map(runningOn);
  const policies: Readonly<Record<string, Partial<GroupPolicy>>> = {
    none: {},
    first_blocked: { reservation: 'first-blocked' },
  };
  for (const [name, policy] of Object.entries(policies)) {
    const groups = { default: { ...DEFAULT_GROUP_POLICY, ...policy } };
    const still = measure({ ...base, groups, nodes: full, running }, SAMPLES);
    print({ bench, metric: `pass_ms_p50_${name}`, value: percentile(still.ms, 0.5), unit: 'ms' });
    const [first, ...others] = full;
    if (first === undefined) return;
    const nodes = [{ ...first, free: first.total }, ...others];
    const freed = measure({ ...base, groups, nodes, running: running.slice(1) }, SAMPLES);
    const metric = `one_freed_ms_p50_${name}`;
    print({ bench, metric, value: percentile(freed.ms, 0.5), unit: 'ms' });
  }
}

function measure(situation: Situation, samples: number) {
  const ms: number[] = [];
  const cpuMs: number[] = [];
  let placed = 0;
  let kernels = 0;
  for (let sample = 1 - WARM_UPS; sample <= samples; sample += 1) {
    const sinceMs = monotonicMs();
    const before = process.cpuUsage();
    const decided = plan(situation);
    const used = process.cpuUsage(before);
    if (sample > 0) ms.push(monotonicMs() - sinceMs);
    if (sample > 0) cpuMs.push((used.user + used.system) / 1000);
    placed = decided.placed.length;
    kernels = decided.placed.reduce((sum, { placements }) => sum + placements.length, 0);
  }
  return { ms, cpuMs, placed, kernels };
}

interface Load {
  readonly agents: number;
  readonly pending: number;
  readonly kind: Kind;
}

function situationOf({ agents, pending, kind }: Load): Situation {
  const infinite = SLOTS.map(() => Number.POSITIVE_INFINITY);
  const users = Array.from({ length: USERS }, (_, user) => `user${user}`);
  const limits = new Map(users.map((user) => [user, infinite]));
  return {
    nowMs: 1_000_000,
    slots: SLOTS,
    nodes: Array.from({ length: agents }, (_, index) => nodeOf(index)),
    pending: Array.from({ length: pending }, (_, index) => pendingOf(index, kind)),
    running: [],
    groups: { default: DEFAULT_GROUP_POLICY },
    limits: {
      keypairs: new Map(
        users.map((user) => [
          user,
          {
            total: infinite,
            concurrentSessionsMax: 1_000_000,
            pendingSessionsMax: 1_000_000,
            pendingTotalMax: infinite,
          },
        ]),
      ),
      users: limits,
      projects: new Map([['lab', infinite]]),
      domains: new Map([['default', infinite]]),
    },
    usage: new Map(),
    factors: new Map([
      ['default', new Map(users.map((user, index) => [`user:${user}`, index / USERS]))],
    ]),
  };
}

function nodeOf(index: number): NodeView {
  const total = [8000, 8000, 64_000, 256 * GIB];
  return {
    name: `node${String(index).padStart(5, '0')}`,
    group: 'default',
    architecture: 'x86_64',
    isSchedulable: true,
    total,
    free: total,
    containers: 0,
    containersMax: 1000,
    turn: index,
  };
}

/** On a cluster with room for about as many as wait. */
function pendingOf(index: number, kind: Kind): PendingView {
  const user = `user${index % USERS}`;
  const cpu = 1000 * (1 + (index % 8));
  const mem = GIB * (1 + (index % 16));
  const requests: Readonly<Record<Kind, readonly (readonly number[])[]>> = {
    plain: [[0, 0, cpu, mem]],
    gpu: [[index % 4 === 0 ? 1000 : 0, 0, cpu, mem]],
    fractional: [[0, 100 * (1 + (index % 5)), cpu, mem]],
    'multi-node': Array.from({ length: 2 }, () => [0, 0, cpu / 2, mem / 2]),
  };
  return {
    session: `s${index}`,
    name: `s${index}`,
    attempt: 1,
    queuedAtMs: index,
    priority: 10 + (index % 3),
    sessionType: 'batch',
    group: 'default',
    architecture: 'x86_64',
    clusterMode: kind === 'multi-node' ? 'multi-node' : 'single-node',
    owner: { userId: user, accessKey: user, projectId: 'lab', domain: 'default' },
    kernels: requests[kind].map((request, kernel) => ({ kernel: `s${index}/${kernel}`, request })),
    startsAtMs: 1,
    dependencies: [{ session: 'before', name: 'before', state: 'succeeded' }],
    failedOn: [],
    jobPriority: 0,
    runsAtMostMs: 3_600_000,
  };
}

function runningOn({ name, total }: NodeView, index: number): RunningView {
  return {
    session: `r${index}`,
    group: 'default',
    owner: { userId: 'user0', accessKey: 'user0', projectId: 'lab', domain: 'default' },
    sessionType: 'batch',
    placements: [{ node: name, request: total }],
    startedAtMs: index,
    endsAtMs: 2_000_000 + index,
    isPreemptible: false,
    jobPriority: 0,
  };
}
