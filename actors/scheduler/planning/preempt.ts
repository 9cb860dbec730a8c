import type { AfterEndings } from './after-endings.ts';
import type { KeptRoom } from './kept-room.ts';
import type { PendingView, Placed, Preemption, RunningView } from './model.ts';
import { type PlaceCircumstances, place, type Settled } from './place.ts';
import { fits, minus, type Vector } from './vector.ts';
import { isInScope, isVictim, victimOrder } from './victim-order.ts';
import { proposeVictims } from './victims.ts';

/** Sessions in one pass for which victims are looked for: each look goes through the nodes. */
export const PREEMPTIONS_MAX = 100;

/** Room that comes once the victims are gone. */
export interface RoomMade extends Settled {
  /** None when what is ending already is enough. */
  readonly victims: readonly RunningView[];
}

interface PreemptCircumstances {
  readonly nowMs: number;
  readonly running: readonly RunningView[];
  readonly rule: Preemption;
  readonly kept: KeptRoom;
  readonly after: AfterEndings;
}

/** Who may be ended in favour of whom, in one group and one pass. */
export function createPreemption({ nowMs, running, rule, kept, after }: PreemptCircumstances) {
  const candidates = rule.isEnabled
    ? victimOrder(
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
     * no more than are needed. Each is the victim of one only. Room is made only where the placement itself puts
     * the session once they are gone; it has its place there from now on.
     * @returns undefined when room cannot be made so.
     */
    makeRoom: (session: PendingView): RoomMade | undefined => {
      const eligible = candidates.filter(
        (one) => !chosen.has(one.session) && oldEnoughAtMs(one) <= nowMs && mayEnd(one, session),
      );
      const made = roomFor(session, {
        after,
        eligible,
        claims: kept.claimsOn(after.cluster.nodes),
      });
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

interface Prospect {
  readonly after: AfterEndings;
  readonly eligible: readonly RunningView[];
  /** What is kept of nodes for others, of what is free there before anybody else ends. */
  readonly claims: ReadonlyMap<string, Vector>;
}

function roomFor(
  session: PendingView,
  { after, eligible, claims }: Prospect,
): RoomMade | undefined {
  const circumstances = (): PlaceCircumstances => ({
    ...after.circumstances,
    ...mayUseBut(claims, after),
  });
  const soon = place(session, circumstances());
  if ('taken' in soon) return { ...soon, victims: [] };
  if (eligible.length === 0) return undefined;
  const proposal = proposeVictims(session, { after, eligible, claims });
  if (proposal === undefined) return undefined;
  const { victims, at } = proposal;
  after.release(victims);
  const free = place(session, circumstances());
  const settled = 'taken' in free ? free : place(session, { ...circumstances(), at });
  if ('taken' in settled) return withoutSpare(session, { settled, victims, after, circumstances });
  after.keepOn(victims);
  return undefined;
}

interface Made {
  readonly settled: Settled;
  readonly victims: readonly RunningView[];
  readonly after: AfterEndings;
  readonly circumstances: () => PlaceCircumstances;
}

/** Spares those without whom it finds the same nodes, the last first. */
function withoutSpare(
  session: PendingView,
  { settled, victims, after, circumstances }: Made,
): RoomMade | undefined {
  const at = nodesOf(settled.placements);
  const needed = new Set(victims);
  for (const one of settled.taken.toReversed()) after.cluster.giveBack(one);
  for (const victim of victims.toReversed()) {
    after.keepOn([victim]);
    const outcome = place(session, { ...circumstances(), at });
    if ('taken' in outcome) {
      for (const one of outcome.taken.toReversed()) after.cluster.giveBack(one);
      needed.delete(victim);
    } else {
      after.release([victim]);
    }
  }
  const outcome = place(session, { ...circumstances(), at });
  if ('taken' in outcome) return { ...outcome, victims: [...needed] };
  after.keepOn([...needed]);
  return undefined;
}

export function nodesOf(placements: Placed['placements']): ReadonlyMap<string, string> {
  return new Map(placements.map(({ kernel, node }) => [kernel, node]));
}

/** Lets the session have what is free now, without what is kept for others. */
function mayUseBut(
  claims: ReadonlyMap<string, Vector>,
  { cluster }: AfterEndings,
): Pick<PlaceCircumstances, 'mayUse'> {
  if (claims.size === 0) return {};
  const most = new Map<string, Vector>();
  for (const [name, claim] of claims) {
    const node = cluster.nodes.get(name);
    if (node !== undefined) most.set(name, minus(node.free, claim));
  }
  return { mayUse: (node, { request }) => fits(request, most.get(node) ?? request) };
}
