import type { HoldReason, SchedulerEvent } from '@orrery/bus';
import type { Hold } from './planning/model.ts';
import type { Vector } from './planning/vector.ts';
import type { SchedulerState } from './state.ts';
import type { Said } from './waiting-session.ts';

/** A reason is not told anew before: what flickers is told once, as it is then. */
const HELD_AGAIN_MS = 30_000;
const SECOND_MS = 1000;

/**
 * Why sessions wait, of those of whom something else was told or nothing yet. What was told a moment ago is
 * told anew when that moment is over.
 */
export function holdsOf(
  state: SchedulerState,
  held: readonly Hold[],
  nowMs: number,
): readonly SchedulerEvent[] {
  const events: SchedulerEvent[] = [];
  const names = createNames(state.book.names);
  for (const hold of held) {
    const waiting = state.queue.get(hold.session);
    const group = waiting && state.groups.get(waiting.group);
    if (waiting === undefined || group === undefined) continue;
    const { said, wish, particulars } = waiting;
    if (particulars === undefined && !group.refused.has(wish)) group.refused.set(wish, hold);
    if (said !== undefined && isSame(said.reason, hold, names)) continue;
    const dueMs = dueAgainMs(said);
    if (dueMs > nowMs) {
      group.lookAgainAtMs = Math.min(group.lookAgainAtMs ?? Number.POSITIVE_INFINITY, dueMs);
      continue;
    }
    const reason = reasonFrom(state, hold);
    events.push({ type: 'session-held', session: hold.session, reason, atMs: nowMs });
  }
  return events;
}

function dueAgainMs(said: Said | undefined): number {
  return said === undefined ? 0 : said.atSeconds * SECOND_MS + HELD_AGAIN_MS;
}

/** In the words of the log. */
export function reasonFrom(
  { book }: SchedulerState,
  { code, message, checks, missing, agents, place }: Hold,
): HoldReason {
  return {
    code,
    message,
    ...(missing === undefined ? {} : { missing: book.text(missing) }),
    ...(checks.length === 0
      ? {}
      : { checks: checks.map(({ name, message: words }) => ({ name, message: words })) }),
    ...(agents === undefined ? {} : { agents }),
    ...(place > 0 ? { place } : {}),
  };
}

/** Names of what is lacking, as one text; made once for each of the amounts that sessions share. */
interface Names {
  inHold(hold: Hold): string;
  inReason(reason: HoldReason): string;
}

function createNames(slots: readonly string[]): Names {
  const inVector = new Map<Vector, string>();
  const inReason = new Map<HoldReason, string>();
  return {
    inHold: ({ missing }) => {
      if (missing === undefined) return '';
      const known = inVector.get(missing);
      if (known !== undefined) return known;
      const text = slots.filter((_, slot) => (missing[slot] ?? 0) > 0).join();
      inVector.set(missing, text);
      return text;
    },
    inReason: (reason) => {
      const known = inReason.get(reason);
      if (known !== undefined) return known;
      const text = Object.keys(reason.missing ?? {}).join();
      inReason.set(reason, text);
      return text;
    },
  };
}

/** How much is lacking changes with every session that starts or ends; only what is lacking is told anew. */
function isSame(before: HoldReason, now: Hold, names: Names): boolean {
  const { checks = [] } = before;
  return (
    before.code === now.code &&
    checks.length === now.checks.length &&
    checks.every(({ name }, index) => name === now.checks[index]?.name) &&
    names.inReason(before) === names.inHold(now)
  );
}
