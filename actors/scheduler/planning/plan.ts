import { AfterEndings } from './after-endings.ts';
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
import { GroupCluster, leftOn } from './cluster.ts';
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
  type Promised,
  type RunningView,
  type Situation,
} from './model.ts';
import { type Order, orderOf } from './order.ts';
import { type PlaceCircumstances, type PlaceOutcome, place, type Settled } from './place.ts';
import { createPreemption, nodesOf, PREEMPTIONS_MAX } from './preempt.ts';
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
    promised: [],
    broken: [],
    lookAgainAtMs: Infinity,
  };
  for (const [name, pending] of groups) {
    const policy = situation.groups[name] ?? DEFAULT_GROUP_POLICY;
    const shared = { usage, waiting, results, running: running.get(name) ?? [] };
    const isRoomMade = policy.preemption.isEnabled || pending.some(({ promised }) => promised);
    const views = nodes.get(name) ?? [];
    const pass = beginPass(situation, policy, { ...shared, views, isRoomMade });
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
  readonly promised: Promised[];
  readonly broken: string[];
  lookAgainAtMs: number;
}

interface Shared {
  readonly usage: UsageLedger;
  readonly waiting: WaitingSessions;
  readonly views: Situation['nodes'];
  readonly running: readonly RunningView[];
  readonly results: Results;
  /** Whether some have to go for others. */
  readonly isRoomMade: boolean;
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
  /** Absent where nobody makes room for anybody. */
  readonly after: AfterEndings | undefined;
  readonly preemption: ReturnType<typeof createPreemption> | undefined;
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
  const { nowMs, slots } = situation;
  const after = shared.isRoomMade ? new AfterEndings({ views, slots, policy, running }) : undefined;
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
    after,
    preemption: after && createPreemption({ nowMs, running, rule, kept, after }),
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
      hold(pass, waiter, { shortage: known, isRoomComing: false });
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
  // What is kept lies idle: not for one who may not have it.
  if (session.promised !== undefined) results.broken.push(session.session);
  lookAgain(results, dueAtMs(session, policy, situation.nowMs));
}

function placeOrHold(pass: Pass, waiter: Waiter, order: Order): void {
  const { cluster, members, kept } = pass;
  const { session } = waiter;
  const endsAtMs = endOf(session, pass.situation.nowMs);
  let shortage: Shortage | undefined;
  const circumstances: PlaceCircumstances = {
    cluster,
    members,
    ...(kept.isEmpty ? {} : { mayUse: (node, claim) => kept.allows(node, claim, endsAtMs) }),
    onLack: (lack) => {
      shortage = pass.explain(session, lack);
    },
  };
  const there = session.promised && placeAsPromised(pass, session, circumstances);
  const outcome = there ?? place(session, circumstances);
  if ('placements' in outcome) {
    begin(pass, session, outcome);
    order.placed(session);
  } else if (shortage !== undefined) {
    pass.lacks.note(session, shortage);
    hold(pass, waiter, { shortage, isRoomComing: there !== undefined });
  }
}

/**
 * Who was promised room has it there, now or when the last of the others have gone: so what was promised to each
 * stays whole whoever goes first.
 * @returns undefined when the room is lost: its nodes take no sessions, or have less.
 */
function placeAsPromised(
  pass: Pass,
  session: PendingView,
  circumstances: PlaceCircumstances,
): PlaceOutcome | undefined {
  const { after } = pass;
  const at = nodesOf(session.promised ?? []);
  const now = place(session, { ...circumstances, at });
  if ('placements' in now || after === undefined) return now;
  const soon = place(session, { ...after.circumstances, at });
  if ('lack' in soon) return undefined;
  keep(pass, session, soon);
  return now;
}

function begin(pass: Pass, session: PendingView, { placements, taken }: Settled): void {
  const { results, usage, situation, members, kept, waiting, policy, after } = pass;
  results.placed.push({ session: session.session, attempt: session.attempt, placements });
  pass.lacks.forget();
  usage.add(session);
  waiting.leave(session);
  const endsAtMs = endOf(session, situation.nowMs);
  if (!kept.isEmpty) {
    for (const { node, ...claim } of taken) kept.used(node.name, claim, endsAtMs);
  }
  after?.started(taken);
  const isLookedAt = policy.reservation !== 'none' || policy.preemption.isEnabled;
  if (!isLookedAt && session.placementGroup === undefined) return;
  const begun = runningOf(session, placements, situation.nowMs);
  members.move(begun, 1);
  after?.members.move(begun, 1);
  if (isLookedAt) pass.begun.push(begun);
}

interface Lacking {
  readonly shortage: Shortage;
  /** It is kept for it already. */
  readonly isRoomComing: boolean;
}

function hold(
  pass: Pass,
  { session, place: position }: Waiter,
  { shortage, isRoomComing }: Lacking,
): void {
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
  if (isRoomComing) return;
  const isMade = code !== 'never-fits' && preempt(pass, session);
  if (session.promised !== undefined && isMade !== 'promised') results.broken.push(session.session);
  if (code !== 'never-fits' && isMade === false) reserveFor(pass, session);
}

function lookAgain(results: Results, atMs: number): void {
  if (atMs < results.lookAgainAtMs) results.lookAgainAtMs = atMs;
}

/** @returns whether room comes, and whether others have to go for it. */
function preempt(pass: Pass, session: PendingView): 'promised' | 'coming' | false {
  const { policy, preemption, results } = pass;
  if (preemption === undefined || pass.preemptionsTried >= PREEMPTIONS_MAX) return false;
  pass.preemptionsTried += 1;
  const made = preemption.makeRoom(session);
  if (made === undefined) {
    lookAgain(results, preemption.dueAtMs(session, pass.begun));
    return false;
  }
  keep(pass, session, made);
  if (made.victims.length === 0) return 'coming';
  const { mode } = policy.preemption;
  for (const { session: victim } of made.victims) {
    results.preempted.push({ session: victim, inFavourOf: session.session, mode });
  }
  results.promised.push({ session: session.session, placements: made.placements });
  return 'promised';
}

/** Others have neither the room nor, in its placement group, the place. */
function keep(
  { kept, after, members, situation }: Pass,
  session: PendingView,
  { placements, taken }: Settled,
): void {
  if (after === undefined) return;
  const coming = runningOf(session, placements, situation.nowMs);
  members.move(coming, 1);
  after.members.move(coming, 1);
  kept.keep(session.session, situation.nowMs, leftOn(taken));
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
    image: session.image,
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
