import type { RecordedCommit } from '@orrery/bus';
import { foldSession } from '@orrery/projections';
import { BoundedQueue } from '../../feed/bounded-queue.ts';
import { readHistory } from '../../feed/history.ts';
import type { Gateway } from '../../gateway.ts';

const COMMITS_WAITING_MAX = 1_000;

/** Statuses of a kernel that has, or had, a container. */
const HAS_LOGS: readonly string[] = ['RUNNING', 'TERMINATING', 'TERMINATED'];

export interface KernelPlace {
  readonly kernel: string;
  readonly node: string;
}

/**
 * Where the log of a session's main kernel is to be had. Waits for the kernel to start when the log is
 * followed. `no-log`: there is none, and if followed there never will be. Undefined: this gateway cannot say.
 */
export async function whereLogsAre(
  gateway: Gateway,
  { id, isFollowed }: { readonly id: string; readonly isFollowed: boolean },
  signal: AbortSignal,
): Promise<KernelPlace | 'no-log' | undefined> {
  const waiting = new BoundedQueue<RecordedCommit>(COMMITS_WAITING_MAX);
  // A queue that is full is drained by reading on: nothing is yielded to anybody slow here.
  using _listening = gateway.feed.onCommitOf('session', id, (commit) => void waiting.push(commit));
  const commits: RecordedCommit[] = [];
  for await (const commit of readHistory(gateway, { aggregate: 'session', id }, signal))
    commits.push(commit);
  for (;;) {
    const state = foldSession(commits);
    const main = state?.kernels.find(({ role }) => role === 'main') ?? state?.kernels[0];
    if (main !== undefined && main.agentId !== null && main.containerId !== null)
      if (HAS_LOGS.includes(main.status)) return { kernel: main.id, node: main.agentId };
    // It has a row, so it has a history; a server that is behind the others may not have it yet.
    if (state === undefined) return undefined;
    if (!isFollowed || state.session.terminatedAtMs !== null) return 'no-log';
    const next = await nextAfter(waiting, commits.at(-1)?.sequence ?? 0, signal);
    if (next === undefined) return undefined;
    commits.push(next);
  }
}

async function nextAfter(
  waiting: BoundedQueue<RecordedCommit>,
  sequence: number,
  signal: AbortSignal,
): Promise<RecordedCommit | undefined> {
  for (;;) {
    const commit = await waiting.next(signal);
    if (commit === undefined || commit.sequence > sequence) return commit;
  }
}
