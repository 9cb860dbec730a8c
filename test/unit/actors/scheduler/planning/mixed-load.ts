import type { Arrival } from '../../../../../actors/scheduler/planning/future.ts';
import {
  DEFAULT_GROUP_POLICY,
  type GroupPolicy,
  type PendingView,
  type Situation,
} from '../../../../../actors/scheduler/planning/model.ts';

const GIB = 2 ** 30;
const HOUR_MS = 3_600_000;
const SLOTS = ['cuda.device', 'cpu', 'mem'];

export interface Day {
  readonly from: Situation;
  readonly arrivals: readonly Arrival[];
  readonly durationMs: ReadonlyMap<string, number>;
}

/** Chance that is the same every time (mulberry32). */
export function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sessions of a day on eight agents, more than fit at times: plain, with devices, and gangs. */
export function mixedDay(seed: number, policy: Partial<GroupPolicy> = {}, sessions = 400): Day {
  const chance = chanceOf(seed);
  const from: Situation = {
    nowMs: 0,
    slots: SLOTS,
    nodes: Array.from({ length: 8 }, (_, index) => {
      const total = [index < 4 ? 4000 : 0, 16_000, 64 * GIB];
      return {
        name: `agent-${index}`,
        group: 'default',
        architecture: 'x86_64',
        isSchedulable: true,
        total,
        free: total,
        containers: 0,
        turn: index,
      };
    }),
    pending: [],
    running: [],
    groups: { default: { ...DEFAULT_GROUP_POLICY, ...policy } },
    limits: { keypairs: new Map(), users: new Map(), projects: new Map(), domains: new Map() },
    usage: new Map(),
  };
  const durationMs = new Map<string, number>();
  const arrivals = Array.from({ length: sessions }, (_, index): Arrival => {
    const ranMs = Math.round(HOUR_MS * (0.1 + 2 * chance() ** 2));
    const session = sessionOf(`s${index}`, chance, ranMs);
    durationMs.set(session.session, ranMs);
    const atMs = Math.round(24 * HOUR_MS * ((index + chance()) / sessions));
    return { atMs, session: { ...session, queuedAtMs: atMs } };
  });
  return { from, arrivals, durationMs };
}

function sessionOf(session: string, chance: () => number, ranMs: number): PendingView {
  const kind = chance();
  const gpus = kind < 0.25 ? 1000 * (1 + Math.floor(2 * chance())) : 0;
  const count = kind > 0.85 ? 2 + Math.floor(3 * chance()) : 1;
  const request = [
    gpus,
    1000 * (1 + Math.floor(8 * chance())),
    GIB * (1 + Math.floor(16 * chance())),
  ];
  const user = `user-${Math.floor(chance() ** 2 * 6)}`;
  return {
    session,
    name: session,
    attempt: 1,
    queuedAtMs: 0,
    priority: chance() < 0.1 ? 20 : 10,
    sessionType: 'batch',
    group: 'default',
    clusterMode: count > 1 ? 'multi-node' : 'single-node',
    owner: { userId: user, accessKey: user, projectId: 'lab', domain: 'default' },
    kernels: Array.from({ length: count }, (_, index) => ({
      kernel: `${session}/${index}`,
      request,
    })),
    dependencies: [],
    failedOn: [],
    jobPriority: 0,
    // People ask for more time than they need.
    runsAtMostMs: Math.round(ranMs * (1 + 0.5 * chance())),
  };
}
