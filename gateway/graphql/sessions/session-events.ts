import { kernelStatusOf, type RecordedCommit, sessionStatusOf } from '@orrery/bus';
import { z } from 'zod';
import { BoundedQueue } from '../../feed/bounded-queue.ts';
import { readHistory } from '../../feed/history.ts';
import { subscription } from '../../feed/subscription.ts';
import type { Gateway } from '../../gateway.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { getOwnedSession } from './find-owned-session.ts';
import { endsSession, statusOf } from './session-end.ts';
import { tooSlow } from './too-slow.ts';

/** Commits of one session that may wait for a slow reader. */
export const COMMITS_WAITING_MAX = 1_000;

const Arguments = z.strictObject({ id: z.string(), fromRevision: z.int().min(1) });

export async function sessionEvents(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<AsyncGenerator<object, void>> {
  const { id, fromRevision } = parseArguments(Arguments, unparsed);
  const row = await getOwnedSession(context, 'Subscription.sessionEvents', id);
  return subscription((signal) => eventsOf(context.gateway, { id: row.id, fromRevision }, signal));
}

/** First the history, then what comes: listened to before the history is read, so that nothing is missed. */
async function* eventsOf(
  gateway: Gateway,
  { id, fromRevision }: { readonly id: string; readonly fromRevision: number },
  signal: AbortSignal,
): AsyncGenerator<object, void> {
  const waiting = new BoundedQueue<RecordedCommit>(COMMITS_WAITING_MAX);
  let next = fromRevision;
  using _listening = gateway.feed.onCommitOf('session', id, (commit) => {
    if (!waiting.push(commit)) waiting.end(tooSlow());
  });
  const history = readHistory(gateway, { aggregate: 'session', id }, signal);
  for await (const commit of inOrder(history, waiting, signal)) {
    if (endsSession(commit)) await whenReadable(gateway, commit, signal);
    for (const [index, event] of commit.events.entries()) {
      const revision = commit.firstRevision + index;
      if (revision < next) continue;
      next = revision + 1;
      yield { sessionEvents: shapeEvent(commit, revision, event) };
    }
    if (endsSession(commit)) return;
  }
}

async function* inOrder(
  history: AsyncIterable<RecordedCommit>,
  waiting: BoundedQueue<RecordedCommit>,
  signal: AbortSignal,
): AsyncGenerator<RecordedCommit, void> {
  let sequence = 0;
  for await (const commit of history) {
    sequence = commit.sequence;
    yield commit;
  }
  for (;;) {
    const commit = await waiting.next(signal);
    if (commit === undefined) return;
    if (commit.sequence > sequence) yield commit;
  }
}

/** Who has seen the end may read the session at once, so its row must be there first. */
async function whenReadable(
  { progress, logger }: Gateway,
  { sequence }: RecordedCommit,
  signal: AbortSignal,
): Promise<void> {
  try {
    await progress.reached(sequence, signal);
  } catch (error) {
    signal.throwIfAborted();
    logger.warn({ err: error, sequence }, 'the end of a session is told before it can be read');
  }
}

function shapeEvent(
  commit: RecordedCommit,
  revision: number,
  { type, ...rest }: RecordedCommit['events'][number] & { readonly kernel?: unknown },
): object {
  const { kernel, ...details } = rest;
  return {
    sessionId: commit.aggregateId,
    revision,
    type,
    recordedAt: commit.recordedAtMs,
    status: statusOf(sessionStatusOf, type) ?? null,
    kernelId: kernel ?? null,
    kernelStatus: statusOf(kernelStatusOf, type) ?? null,
    details,
  };
}
