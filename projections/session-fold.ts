import { addSlots, type Commit, SessionEvent, type Slots } from '@orrery/bus';
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
    const { kernels } = state;
    return { session: withKernelFacts(session, kernels, session.occupiedSlots), kernels };
  }
  const kernels = state.kernels.map((kernel) =>
    kernel.id === event.kernel ? projectKernel(kernel, event, at) : kernel,
  );
  const session = { ...state.session, ...placeOf(at) };
  // Exact sums are dear, and few events change them.
  const isAsBefore = kernels.every(
    ({ occupiedSlots }, index) => occupiedSlots === state.kernels[index]?.occupiedSlots,
  );
  const occupied = isAsBefore ? session.occupiedSlots : occupiedBy(kernels);
  return { session: withKernelFacts(session, kernels, occupied), kernels };
}

function occupiedBy(kernels: readonly KernelRow[]): Slots {
  return kernels.reduce<Slots>((sum, { occupiedSlots }) => addSlots(sum, occupiedSlots), {});
}

/** What a session shows of its kernels: what they hold, how the main one ended, and a lack of memory. */
function withKernelFacts(
  session: SessionRow,
  kernels: readonly KernelRow[],
  occupiedSlots: Slots,
): SessionRow {
  const main = kernels.find(({ role }) => role === 'main');
  const wasOutOfMemory = kernels.some((kernel) => kernel.wasOutOfMemory);
  const isOutOfMemory = wasOutOfMemory && session.status !== 'ERROR';
  return {
    ...session,
    occupiedSlots,
    exitCode: session.exitCode ?? main?.exitCode ?? null,
    ...(isOutOfMemory
      ? { statusInfo: OUT_OF_MEMORY, statusMessage: sentenceOf(OUT_OF_MEMORY) }
      : {}),
  };
}
