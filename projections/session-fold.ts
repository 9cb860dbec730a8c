import { addSlots, type Commit, SessionEvent } from '@orrery/bus';
import { isKernelEvent, kernelOf, projectKernel } from './kernels.ts';
import { type Moment, placeOf } from './moment.ts';
import type { SessionWithKernels } from './projections.ts';
import type { KernelRow, SessionRow } from './rows.ts';
import { projectSession, sessionOf } from './sessions.ts';
import { OUT_OF_MEMORY, sentenceOf } from './status-words.ts';

/** What of a commit (or of its audit row) the fold needs. */
export type SessionCommit = Pick<
  Commit,
  'aggregateId' | 'firstRevision' | 'recordedAtMs' | 'events'
> & { readonly sequence: number };

/**
 * A session and its kernels from the session's own commits or audit rows, oldest first; undefined without
 * one. Why it waits is not in them: the scheduler knows that.
 */
export function foldSession(commits: readonly SessionCommit[]): SessionWithKernels | undefined {
  let state: SessionWithKernels | undefined;
  for (const commit of commits) {
    for (const [index, event] of commit.events.entries()) {
      const { aggregateId: id, sequence, recordedAtMs, firstRevision } = commit;
      const at = { id, revision: firstRevision + index, sequence, recordedAtMs };
      state = foldSessionEvent(state, SessionEvent.safeParse(event).data, at);
    }
  }
  return state;
}

/**
 * One event of a session; undefined stands for one of a type that this version does not know, which
 * counts and changes nothing else.
 */
export function foldSessionEvent(
  state: SessionWithKernels | undefined,
  event: SessionEvent | undefined,
  at: Moment,
): SessionWithKernels | undefined {
  if (state === undefined) {
    if (event?.type !== 'session-enqueued') return undefined;
    const { request } = event;
    return {
      session: sessionOf(request, at),
      kernels: request.kernels
        .map((kernel) => kernelOf(kernel, at))
        .toSorted((left, right) => left.localRank - right.localRank),
    };
  }
  if (event === undefined || event.type === 'session-enqueued') {
    return { ...state, session: { ...state.session, ...placeOf(at) } };
  }
  if (!isKernelEvent(event)) {
    const session = projectSession(state.session, event, at);
    return { ...state, session: withKernelFacts(session, state.kernels) };
  }
  const kernels = state.kernels.map((kernel) =>
    kernel.id === event.kernel ? projectKernel(kernel, event, at) : kernel,
  );
  const session = { ...state.session, ...placeOf(at) };
  return { session: withKernelFacts(session, kernels), kernels };
}

/** What a session shows of its kernels: what they hold, how the main one ended, and a lack of memory. */
function withKernelFacts(session: SessionRow, kernels: readonly KernelRow[]): SessionRow {
  const main = kernels.find(({ role }) => role === 'main');
  const wasOutOfMemory = kernels.some((kernel) => kernel.wasOutOfMemory);
  const isOutOfMemory = wasOutOfMemory && session.status !== 'ERROR';
  return {
    ...session,
    occupiedSlots: kernels.reduce((sum, { occupiedSlots }) => addSlots(sum, occupiedSlots), {}),
    exitCode: session.exitCode ?? main?.exitCode ?? null,
    ...(isOutOfMemory
      ? { statusInfo: OUT_OF_MEMORY, statusMessage: sentenceOf(OUT_OF_MEMORY) }
      : {}),
  };
}
