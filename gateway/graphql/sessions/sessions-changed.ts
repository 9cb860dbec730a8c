import type { RecordedCommit } from '@orrery/bus';
import { isVisible, type SessionFilter, type Visibility } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { RequestFailed } from '../../errors.ts';
import { BoundedQueue } from '../../feed/bounded-queue.ts';
import { isUse } from '../../feed/session-folds.ts';
import { subscription } from '../../feed/subscription.ts';
import type { Gateway } from '../../gateway.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { isTakenBy, SessionFilterInput, toSessionFilter } from './session-filter.ts';
import { shapeSession } from './session-shape.ts';
import { tooSlow } from './too-slow.ts';

/** Commits of all sessions that may wait for a slow reader. */
export const COMMITS_WAITING_MAX = 10_000;

const Arguments = z.strictObject({
  filter: SessionFilterInput.optional(),
  after: z.string().max(32).optional(),
});

interface Wanted {
  readonly filter: SessionFilter;
  readonly visibility: Visibility;
  /** Undefined: from now on. */
  readonly after: number | undefined;
}

export async function sessionsChanged(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<AsyncGenerator<object, void>> {
  const { filter, after } = parseArguments(Arguments, unparsed);
  const viewer = authoriseSignedIn(caller, 'Subscription.sessionsChanged');
  const wanted = {
    filter: toSessionFilter(filter),
    visibility: visibilityOf(viewer, 'Subscription.sessionsChanged'),
    after: after === undefined ? undefined : parseCursor(after),
  };
  return subscription((signal) => changes(gateway, wanted, signal));
}

/** Each change with the session as it was right after it, so that resuming gives the very same items. */
async function* changes(
  gateway: Gateway,
  { filter, visibility, after }: Wanted,
  signal: AbortSignal,
): AsyncGenerator<object, void> {
  const waiting = new BoundedQueue<RecordedCommit>(COMMITS_WAITING_MAX);
  using _listening = gateway.feed.onCommit('session', (commit) => {
    if (!waiting.push(commit)) waiting.end(tooSlow());
  });
  const liveFrom = gateway.feed.sequence;
  for await (const commit of commitsAfter(
    gateway,
    { after: after ?? liveFrom, liveFrom, waiting },
    signal,
  )) {
    if (isUse(commit)) continue;
    const state = await gateway.folds.after(commit);
    if (state === undefined) continue;
    const { session, kernels } = state;
    if (!isVisible(visibility, session) || !isTakenBy(filter, session)) continue;
    yield {
      sessionsChanged: { cursor: String(commit.sequence), session: shapeSession(session, kernels) },
    };
  }
}

/** From the log up to where the feed was when it was joined, then from the feed. */
async function* commitsAfter(
  { bus }: Gateway,
  places: {
    readonly after: number;
    readonly liveFrom: number;
    readonly waiting: BoundedQueue<RecordedCommit>;
  },
  signal: AbortSignal,
): AsyncGenerator<RecordedCommit, void> {
  const { liveFrom, waiting } = places;
  let { after } = places;
  if (after < liveFrom) {
    // Not only the sessions' commits: the one that the feed was at may be of another aggregate.
    for await (const commits of bus.log.follow({ afterSequence: after, signal })) {
      for (const commit of commits) {
        if (commit.sequence > liveFrom) break;
        after = commit.sequence;
        if (commit.aggregate === 'session') yield commit;
      }
      if ((commits.at(-1)?.sequence ?? 0) >= liveFrom) break;
    }
  }
  for (;;) {
    const commit = await waiting.next(signal);
    if (commit === undefined) return;
    if (commit.sequence > after) yield commit;
  }
}

function parseCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new RequestFailed('INPUT_INVALID', 'The cursor is not one that this subscription gave.', {
    field: 'after',
  });
}
