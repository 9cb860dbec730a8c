import type { Commit } from '@orrery/bus';
import type { SessionWithKernels } from './projections.ts';

/** A session and its kernels from the session's own commits (or audit rows), oldest first; undefined without one. */
export declare function foldSession(
  commits: readonly Pick<Commit, 'aggregateId' | 'firstRevision' | 'recordedAtMs' | 'events'>[],
): SessionWithKernels | undefined;
