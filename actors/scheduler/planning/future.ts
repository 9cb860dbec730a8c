import type {
  Ending,
  Held,
  NodeView,
  Owner,
  PendingView,
  Placed,
  Plan,
  Preempted,
  RunningView,
  Situation,
} from './model.ts';
import { plan, runningOf } from './plan.ts';
import { minus, plus, sum, type Vector, zero } from './vector.ts';

/** Reference: `default_session_options`. */
const DEFAULT_PRIORITY = 10;

/** What happens at a moment, besides what the pass decides. */
export interface Arrival {
  readonly atMs: number;
  readonly session: PendingView;
}

export interface Course {
  readonly from: Situation;
  /** In order of time. */
  readonly arrivals: readonly Arrival[];
  /** When a session that runs will end; Infinity: not within the course. */
  readonly endOf: (running: RunningView) => number;
  /** Changes of policy or nodes are not part of a course; a pass is made whenever something changes. */
  readonly passesMax: number;
  readonly watch: Watcher;
}

/** Told everything that happens, in order; `false` ends the course. */
export interface Watcher {
  placed?(placed: Placed, atMs: number): boolean | undefined;
  ended?(ending: Ending, atMs: number): void;
  preempted?(preempted: Preempted, atMs: number): void;
  /** After each pass: who waits and who runs then. */
  passed?(situation: Situation): void;
}

export interface CourseEnd {
  readonly atMs: number;
  readonly passes: number;
  /** `still`: nothing is left to happen. */
  readonly why: 'watcher' | 'still' | 'passes';
}

/**
 * Runs the decision forward: arrivals come, what runs ends when `endOf` says, and each change is followed by a
 * pass. The same course gives the same run.
 */
export function runForward({ from, arrivals, endOf, passesMax, watch }: Course): CourseEnd {
  const world = createWorld(from, endOf);
  let next = 0;
  let passes = 0;
  for (;;) {
    const arrival = arrivals[next];
    const atMs = Math.min(arrival?.atMs ?? Infinity, world.nextEndMs(), world.lookAgainAtMs());
    if (passes > 0 && atMs === Infinity) return { atMs: world.nowMs(), passes, why: 'still' };
    if (passes >= passesMax) return { atMs: world.nowMs(), passes, why: 'passes' };
    if (passes > 0 || atMs <= from.nowMs) {
      world.moveTo(Math.max(atMs, world.nowMs()));
      while ((arrivals[next]?.atMs ?? Infinity) <= world.nowMs()) {
        const come = arrivals[next];
        if (come !== undefined) world.add(come.session);
        next += 1;
      }
    }
    passes += 1;
    if (!world.pass(watch)) return { atMs: world.nowMs(), passes, why: 'watcher' };
  }
}

/** A situation that moves. */
function createWorld(from: Situation, endOf: Course['endOf']) {
  let { nowMs } = from;
  let lookAgainAtMs = Infinity;
  let turn = from.nodes.reduce((latest, node) => Math.max(latest, node.turn), 0);
  const nodes = new Map(from.nodes.map((node) => [node.name, node]));
  const pending = new Map(from.pending.map((session) => [session.session, session]));
  const running = new Map(from.running.map((one) => [one.session, one]));
  const ends = new Map(from.running.map((one) => [one.session, endOf(one)]));
  /** As they waited, for those that have to wait again. */
  const begun = new Map<string, PendingView>();
  const dependants = dependantsOf(from.pending);
  const usage = new Map(from.usage);
  const length = from.slots.length;

  function situation(): Situation {
    const [views, queue] = [[...nodes.values()], [...pending.values()]];
    return { ...from, nowMs, nodes: views, pending: queue, running: [...running.values()], usage };
  }

  function begin({ session: id, placements }: Placed): void {
    const session = pending.get(id);
    if (session === undefined) return;
    pending.delete(id);
    begun.set(id, session);
    const started = runningOf(session, placements, nowMs);
    running.set(id, started);
    ends.set(id, endOf(started));
    for (const { node, request } of started.placements) {
      turn += 1;
      give(nodes, node, { request, sign: 1, turn });
    }
    account(usage, started, { length, sign: 1 });
  }

  function end(id: string): RunningView | undefined {
    const one = running.get(id);
    if (one === undefined) return undefined;
    running.delete(id);
    ends.delete(id);
    for (const { node, request } of one.placements) give(nodes, node, { request, sign: -1 });
    account(usage, one, { length, sign: -1 });
    return one;
  }

  /** The victim is gone at once; who waits for its room keeps it, and it may wait again itself. */
  function preempt({ session: victim, mode }: Preempted): void {
    const one = end(victim);
    const isOver = one === undefined || mode === 'terminate';
    if (!isOver) pending.set(victim, again(begun.get(victim) ?? pendingOf(one), nowMs));
  }

  return {
    nowMs: () => nowMs,
    nextEndMs: () => {
      let firstMs = Infinity;
      for (const endMs of ends.values()) firstMs = Math.min(firstMs, endMs);
      return firstMs;
    },
    lookAgainAtMs: () => lookAgainAtMs,
    add: (session: PendingView) => pending.set(session.session, session),
    moveTo: (atMs: number) => {
      nowMs = atMs;
      for (const [id, endMs] of [...ends])
        if (endMs <= atMs && end(id) !== undefined) letGo(pending, dependants.get(id), id);
    },
    /** @returns false when the watcher has seen enough. */
    pass: (watch: Watcher): boolean => {
      const decided = plan(situation());
      lookAgainAtMs = decided.lookAgainAtMs ?? Infinity;
      let isEnough = false;
      for (const placed of decided.placed) {
        begin(placed);
        if (watch.placed?.(placed, nowMs) === false) isEnough = true;
      }
      for (const ending of decided.ended) {
        pending.delete(ending.session);
        watch.ended?.(ending, nowMs);
      }
      for (const preempted of decided.preempted) {
        preempt(preempted);
        watch.preempted?.(preempted, nowMs);
        // What was freed may place the one for whom it was freed, at once.
        lookAgainAtMs = nowMs;
      }
      notePromises(pending, decided);
      watch.passed?.(situation());
      return !isEnough;
    },
  };
}

/** Who waits for whom, by the session waited for. */
function dependantsOf(pending: readonly PendingView[]): ReadonlyMap<string, readonly string[]> {
  const dependants = new Map<string, string[]>();
  for (const { session, dependencies } of pending)
    for (const { session: id, state } of dependencies)
      if (state === 'waited-for') dependants.set(id, [...(dependants.get(id) ?? []), session]);
  return dependants;
}

/** What they waited for is taken to have ended well. */
function letGo(
  pending: Map<string, PendingView>,
  dependants: readonly string[] | undefined,
  ended: string,
): void {
  for (const id of dependants ?? []) {
    const session = pending.get(id);
    if (session === undefined) continue;
    const dependencies = session.dependencies.map((one) =>
      one.session === ended ? { ...one, state: 'succeeded' as const } : one,
    );
    pending.set(id, { ...session, dependencies });
  }
}

function notePromises(
  pending: Map<string, PendingView>,
  { promised, broken }: Pick<Plan, 'promised' | 'broken'>,
): void {
  const lost = broken.map((session) => ({ session, placements: undefined }));
  for (const { session: id, placements } of [...lost, ...promised]) {
    const session = pending.get(id);
    if (session !== undefined) pending.set(id, { ...session, promised: placements });
  }
}

function again({ promised: _, ...session }: PendingView, queuedAtMs: number): PendingView {
  return { ...session, queuedAtMs };
}

/** What ran before the course began, as it would wait: what only a queue knows is as by default. */
function pendingOf(one: RunningView): PendingView {
  const { session, group, owner, sessionType, image, placements, jobPriority, startedAtMs } = one;
  const isSpread = new Set(placements.map(({ node }) => node)).size > 1;
  return {
    session,
    name: session,
    attempt: 1,
    queuedAtMs: startedAtMs,
    priority: DEFAULT_PRIORITY,
    sessionType,
    image,
    group,
    clusterMode: isSpread ? 'multi-node' : 'single-node',
    owner,
    kernels: placements.map(({ request }, index) => ({ kernel: `${session}/${index}`, request })),
    dependencies: [],
    failedOn: [],
    jobPriority,
    ...(one.endsAtMs === undefined ? {} : { runsAtMostMs: one.endsAtMs - startedAtMs }),
  };
}

interface Move {
  readonly request: Vector;
  readonly sign: 1 | -1;
  readonly turn?: number;
}

function give(nodes: Map<string, NodeView>, name: string, { request, sign, turn }: Move): void {
  const node = nodes.get(name);
  if (node === undefined) return;
  nodes.set(name, {
    ...node,
    free: sign === 1 ? minus(node.free, request) : plus(node.free, request),
    containers: node.containers + sign,
    ...(turn === undefined ? {} : { turn }),
  });
}

function account(
  usage: Map<string, Held>,
  one: RunningView,
  { length, sign }: { readonly length: number; readonly sign: 1 | -1 },
): void {
  const held = sum(
    one.placements.map(({ request }) => request),
    length,
  );
  const isSystem = one.sessionType === 'system';
  for (const key of usageKeys(one.owner)) {
    const before = usage.get(key) ?? { slots: zero(length), sessions: 0, systemSessions: 0 };
    usage.set(key, {
      slots: sign === 1 ? plus(before.slots, held) : minus(before.slots, held),
      sessions: before.sessions + (isSystem ? 0 : sign),
      systemSessions: before.systemSessions + (isSystem ? sign : 0),
    });
  }
}

/** Under what a session counts. */
export function usageKeys({ accessKey, userId, projectId, domain }: Owner): readonly string[] {
  return [`keypair:${accessKey}`, `user:${userId}`, `project:${projectId}`, `domain:${domain}`];
}
