import { describeSlots } from './amounts.ts';
import {
  type CheckContext,
  createUsageLedger,
  dueAtMs,
  endingOf,
  failedChecks,
  PENDING_CHECKS,
  type UsageLedger,
} from './checks.ts';
import { GroupCluster } from './cluster.ts';
import { KeptRoom } from './kept-room.ts';
import { KnownLacks } from './known-lacks.ts';
import { PlacementMembers } from './members.ts';
import {
  DEFAULT_GROUP_POLICY,
  type Ending,
  type FailedCheck,
  type GroupPolicy,
  type Hold,
  type PendingView,
  type Placed,
  type Plan,
  type Preempted,
  type RunningView,
  type Situation,
} from './model.ts';
import { type Order, orderOf } from './order.ts';
import { type PlaceOutcome, place } from './place.ts';
import { createPreemption, PREEMPTIONS_MAX } from './preempt.ts';
import { reserve } from './reservation.ts';
import { createShortages, type Shortage } from './shortage.ts';
import type { Vector } from './vector.ts';
import { WaitingSessions } from './waiting.ts';

/** Sessions of one group and pass for which a reservation is tried: each try looks at all that runs. */
const RESERVATIONS_TRIED_MAX = 16;

/**
 * Who of the pending gets which slots now, who is held and why, who will never run and who makes room. Pure: the
 * same situation gives the same plan. Groups share nothing but what their owners may hold.
 */
export function plan(situation: Situation): Plan {
  const usage = createUsageLedger(situation);
  const groups = Map.groupBy(situation.pending, ({ group }) => group);
  const nodes = Map.groupBy(situation.nodes, ({ group }) => group);
  const running = Map.groupBy(situation.running, ({ group }) => group);
  const waiting = new WaitingSessions(situation);
  const results: Results = {
    placed: [],
    held: [],
    ended: [],
    preempted: [],
    lookAgainAtMs: Infinity,
  };
  for (const [name, pending] of groups) {
    const policy = situation.groups[name] ?? DEFAULT_GROUP_POLICY;
    const shared = { usage, waiting, results, running: running.get(name) ?? [] };
    const pass = beginPass(situation, policy, { ...shared, views: nodes.get(name) ?? [] });
    goThrough(pass, withoutEnding(pass, pending));
  }
  const { lookAgainAtMs, ...decided } = results;
  return lookAgainAtMs === Infinity ? decided : { ...decided, lookAgainAtMs };
}

interface Results {
  readonly placed: Placed[];
  held: Hold[];
  readonly ended: Ending[];
  readonly preempted: Preempted[];
  lookAgainAtMs: number;
}

interface Shared {
  readonly usage: UsageLedger;
  readonly waiting: WaitingSessions;
  readonly views: Situation['nodes'];
  readonly running: readonly RunningView[];
  readonly results: Results;
}

/** One group's part of the pass. */
interface Pass extends Shared {
  readonly situation: Situation;
  readonly policy: GroupPolicy;
  readonly cluster: GroupCluster;
  readonly members: PlacementMembers;
  readonly kept: KeptRoom;
  readonly checks: CheckContext;
  readonly explain: ReturnType<typeof createShortages>;
  readonly lacks: KnownLacks;
  readonly preemption: ReturnType<typeof createPreemption>;
  /** What the pass has placed, as it runs. */
  readonly begun: RunningView[];
  preemptionsTried: number;
  reservationsTried: number;
  hasReserved: boolean;
}

function beginPass(situation: Situation, policy: GroupPolicy, shared: Shared): Pass {
  const describe = (slots: Vector): string => describeSlots(slots, situation.slots);
  const { usage, waiting, running, views } = shared;
  const cluster = new GroupCluster(views, situation.slots, policy);
  const members = new PlacementMembers(running);
  const kept = new KeptRoom();
  const { nowMs } = situation;
  const rule = policy.preemption;
  return {
    ...shared,
    situation,
    policy,
    cluster,
    members,
    kept,
    checks: { situation, policy, usage, waiting, describe },
    explain: createShortages({ cluster, kept, describe }),
    lacks: new KnownLacks(policy, waiting),
    preemption: createPreemption({ nowMs, cluster, running, rule, kept, members }),
    begun: [],
    preemptionsTried: 0,
    reservationsTried: 0,
    hasReserved: false,
  };
}

function withoutEnding(
  { situation, policy, results, waiting }: Pass,
  pending: readonly PendingView[],
): readonly PendingView[] {
  return pending.filter((session) => {
    const ending = endingOf(session, policy, situation.nowMs);
    if (ending === undefined) return true;
    results.ended.push(ending);
    waiting.leave(session);
    return false;
  });
}

function goThrough(pass: Pass, pending: readonly PendingView[]): void {
  const { situation, policy, cluster, results } = pass;
  const order = orderOf(pending, policy, { situation, capacity: cluster.capacity() });
  let position = 0;
  let behind: Waiter[] = [];
  for (let session = order.next(); session !== undefined; session = order.next()) {
    position += 1;
    const waiter = { session, place: position };
    const known = pass.lacks.of(session);
    if (known !== undefined) {
      hold(pass, waiter, known);
      continue;
    }
    const failed = failedChecks(session, pass.checks);
    if (failed.length === 0) placeOrHold(pass, waiter, order);
    else if (failed.every(({ name }) => PENDING_CHECKS.has(name))) behind.push(waiter);
    else holdByChecks(pass, waiter, failed);
  }
  if (behind.length === 0) return;
  // Each that was placed lets the next of its key pair in.
  for (let count = -1; count !== results.placed.length; ) {
    count = results.placed.length;
    const again = behind;
    behind = [];
    for (const waiter of again) {
      if (failedChecks(waiter.session, pass.checks).length > 0) behind.push(waiter);
      else placeOrHold(pass, waiter, order);
    }
  }
  for (const waiter of behind) {
    holdByChecks(pass, waiter, failedChecks(waiter.session, pass.checks));
  }
  results.held = results.held.toSorted((left, right) => left.place - right.place);
}

interface Waiter {
  readonly session: PendingView;
  /** From 1. */
  readonly place: number;
}

function holdByChecks(
  { results, policy, situation }: Pass,
  { session, place: position }: Waiter,
  failed: readonly FailedCheck[],
): void {
  const [first] = failed;
  results.held.push({
    session: session.session,
    code: codeOf(first?.name ?? ''),
    message: first?.message ?? '',
    checks: failed,
    place: position,
  });
  lookAgain(results, dueAtMs(session, policy, situation.nowMs));
}

function placeOrHold(pass: Pass, waiter: Waiter, order: Order): void {
  const { cluster, members, kept } = pass;
  const { session } = waiter;
  const endsAtMs = endOf(session, pass.situation.nowMs);
  let shortage: Shortage | undefined;
  const outcome = place(session, {
    cluster,
    members,
    ...(kept.isEmpty ? {} : { mayUse: (node, request) => kept.allows(node, request, endsAtMs) }),
    onLack: (lack) => {
      shortage = pass.explain(session, lack);
    },
  });
  if ('placements' in outcome) {
    begin(pass, session, outcome);
    order.placed(session);
  } else if (shortage !== undefined) {
    pass.lacks.note(session, shortage);
    hold(pass, waiter, shortage);
  }
}

function begin(
  pass: Pass,
  session: PendingView,
  { placements, taken }: Extract<PlaceOutcome, { readonly taken: unknown }>,
): void {
  const { results, usage, situation, members, kept, waiting, policy } = pass;
  results.placed.push({ session: session.session, attempt: session.attempt, placements });
  pass.lacks.forget();
  usage.add(session);
  waiting.leave(session);
  const endsAtMs = endOf(session, situation.nowMs);
  if (!kept.isEmpty) {
    for (const { node, request } of taken) kept.used(node.name, request, endsAtMs);
  }
  const isLookedAt = policy.reservation !== 'none' || policy.preemption.isEnabled;
  if (!isLookedAt && session.placementGroup === undefined) return;
  const begun = runningOf(session, placements, situation.nowMs);
  members.move(begun, 1);
  if (isLookedAt) pass.begun.push(begun);
}

function hold(pass: Pass, { session, place: position }: Waiter, shortage: Shortage): void {
  const { results, policy, situation } = pass;
  const { code, message, missing, agents } = shortage;
  results.held.push({
    session: session.session,
    code,
    message,
    checks: [],
    ...(missing === undefined ? {} : { missing }),
    agents,
    place: position,
  });
  lookAgain(results, dueAtMs(session, policy, situation.nowMs));
  if (code === 'never-fits') return;
  if (!preempt(pass, session)) reserveFor(pass, session);
}

function lookAgain(results: Results, atMs: number): void {
  if (atMs < results.lookAgainAtMs) results.lookAgainAtMs = atMs;
}

/** @returns whether room is being made for the session, and kept. */
function preempt(pass: Pass, session: PendingView): boolean {
  const { policy, preemption, results, kept, situation } = pass;
  const rule = policy.preemption;
  if (!rule.isEnabled && session.isPromised !== true) return false;
  if (pass.preemptionsTried >= PREEMPTIONS_MAX) return false;
  pass.preemptionsTried += 1;
  const made = preemption.makeRoom(session);
  if (made === undefined) {
    lookAgain(results, preemption.dueAtMs(session, pass.begun));
    return false;
  }
  // Room was made for it once: who does not fit there would have one after the other end, and for nothing.
  if (session.isPromised === true && made.victims.length > 0) return false;
  for (const { session: victim } of made.victims) {
    results.preempted.push({ session: victim, inFavourOf: session.session, mode: rule.mode });
  }
  kept.keep(session.session, situation.nowMs, made.left);
  return true;
}

function reserveFor(pass: Pass, session: PendingView): void {
  const { policy, situation, views, running, cluster, kept } = pass;
  if (policy.reservation === 'none' || pass.hasReserved) return;
  if (pass.reservationsTried >= RESERVATIONS_TRIED_MAX) return;
  pass.reservationsTried += 1;
  const now = views.map((view) => {
    const node = cluster.nodes.get(view.name);
    if (node === undefined) return view;
    return { ...view, free: [...node.free], containers: node.containers, turn: node.turn };
  });
  const reservation = reserve(session, {
    nowMs: situation.nowMs,
    running: [...running, ...pass.begun],
    future: new GroupCluster(now, situation.slots, policy),
    kept,
  });
  if (reservation === undefined) return;
  pass.hasReserved = true;
  kept.keep(session.session, reservation.startsAtMs, reservation.left);
}

/** How a session that is placed there runs from then on. */
export function runningOf(
  session: PendingView,
  placements: Placed['placements'],
  startedAtMs: number,
): RunningView {
  const requests = new Map(session.kernels.map(({ kernel, request }) => [kernel, request]));
  const { placementGroup } = session;
  const endsAtMs = endOf(session, startedAtMs);
  return {
    session: session.session,
    group: session.group,
    owner: session.owner,
    sessionType: session.sessionType,
    placements: placements.map(({ kernel, node }) => ({
      node,
      request: requests.get(kernel) ?? [],
    })),
    startedAtMs,
    ...(endsAtMs === undefined ? {} : { endsAtMs }),
    isPreemptible: session.isPreemptible ?? true,
    jobPriority: session.jobPriority,
    ...(placementGroup === undefined ? {} : { placementGroup: placementGroup.name }),
  };
}

function endOf({ runsAtMostMs }: PendingView, nowMs: number): number | undefined {
  return runsAtMostMs === undefined ? undefined : nowMs + runsAtMostMs;
}

function codeOf(check: string): string {
  return check.replaceAll('_', '-');
}
