import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runForward } from '../../../../../actors/scheduler/planning/future.ts';
import {
  DEFAULT_GROUP_POLICY,
  type PendingView,
  type Situation,
} from '../../../../../actors/scheduler/planning/model.ts';

/** Nothing runs longer than this. */
const LONGEST_MS = 60_000;
const SMALL_COUNT_MAX = 120;

const starvation = suite('scheduler: nobody starves where room is reserved');

interface Load {
  readonly nodes: readonly number[];
  /** Kernels of the gang by nodes, at least one; each is as large as the smallest node. */
  readonly share: number;
  readonly gangAtMs: number;
  readonly small: readonly {
    readonly atMs: number;
    readonly cores: number;
    readonly runMs: number;
    readonly isKnown: boolean;
  }[];
  readonly ordering: 'fifo' | 'drf' | 'lifo';
}

const LOAD: fc.Arbitrary<Load> = fc.record({
  nodes: fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 4 }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  gangAtMs: fc.integer({ min: 0, max: 2 * LONGEST_MS }),
  small: fc.array(
    fc.record({
      atMs: fc.integer({ min: 0, max: 8 * LONGEST_MS }),
      cores: fc.integer({ min: 1, max: 2 }),
      runMs: fc.integer({ min: 1_000, max: LONGEST_MS }),
      isKnown: fc.boolean(),
    }),
    { minLength: 20, maxLength: SMALL_COUNT_MAX },
  ),
  ordering: fc.constantFrom('fifo', 'drf', 'lifo'),
});

starvation('a gang of a higher priority starts once what ran and was let past it has ended', () => {
  fc.assert(
    fc.property(LOAD, (load) => {
      const startMs = gangStartMs(load);
      assert.ok(
        startMs <= load.gangAtMs + 2 * LONGEST_MS,
        `it came at ${load.gangAtMs} and started at ${startMs}`,
      );
    }),
    { numRuns: 150 },
  );
});

function gangStartMs({ nodes, share, gangAtMs, small, ordering }: Load): number {
  const size = Math.max(1, Math.ceil(share * nodes.length));
  const cores = Math.min(...nodes) * 1000;
  const gang = sessionOf(
    'gang',
    Array.from({ length: size }, () => cores),
    { priority: 20 },
  );
  const runs = new Map(small.map(({ runMs }, index) => [`s${index}`, runMs]));
  const arrivals = small.map(({ atMs, cores, runMs, isKnown }, index) => ({
    atMs,
    session: sessionOf(`s${index}`, [cores * 1000], isKnown ? { runsAtMostMs: runMs } : {}),
  }));
  let startMs = Infinity;
  runForward({
    from: situationOf(nodes, ordering),
    arrivals: [...arrivals, { atMs: gangAtMs, session: gang }].toSorted(
      (left, right) => left.atMs - right.atMs,
    ),
    endOf: ({ session, startedAtMs }) => startedAtMs + (runs.get(session) ?? LONGEST_MS),
    passesMax: 10_000,
    watch: {
      placed: ({ session }, atMs) => {
        if (session !== 'gang') return undefined;
        startMs = atMs;
        return false;
      },
    },
  });
  return startMs;
}

function sessionOf(
  session: string,
  cores: readonly number[],
  changes: Partial<PendingView>,
): PendingView {
  return {
    session,
    name: session,
    attempt: 1,
    queuedAtMs: 0,
    priority: 10,
    sessionType: 'batch',
    group: 'default',
    clusterMode: 'multi-node',
    owner: { userId: session, accessKey: session, projectId: 'lab', domain: 'default' },
    kernels: cores.map((core, index) => ({ kernel: `${session}/${index}`, request: [core, 1] })),
    dependencies: [],
    failedOn: [],
    jobPriority: 0,
    ...changes,
  };
}

function situationOf(nodes: readonly number[], ordering: Load['ordering']): Situation {
  return {
    nowMs: 0,
    slots: ['cpu', 'mem'],
    nodes: nodes.map((cores, turn) => ({
      name: `n${turn}`,
      group: 'default',
      architecture: 'x86_64',
      isSchedulable: true,
      total: [cores * 1000, 1000],
      free: [cores * 1000, 1000],
      containers: 0,
      turn,
    })),
    pending: [],
    running: [],
    groups: { default: { ...DEFAULT_GROUP_POLICY, ordering, reservation: 'first-blocked' } },
    limits: { keypairs: new Map(), users: new Map(), projects: new Map(), domains: new Map() },
    usage: new Map(),
  };
}

starvation.run();
