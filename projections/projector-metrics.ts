import type { ProjectorState } from './projector-state.ts';

/** The state in the text format of Prometheus. */
export function metricsText(state: ProjectorState): string {
  const lag = Math.max(state.logSequence - state.projectedSequence, 0);
  return [
    ...gauge(
      'projected_sequence',
      'Log sequence of the newest projected commit.',
      state.projectedSequence,
    ),
    ...gauge('log_sequence', 'Log sequence of the newest commit, as last seen.', state.logSequence),
    ...gauge('lag_commits', 'Log sequences that are not projected yet.', lag),
    ...gauge('following', 'Whether the log is followed at this moment.', state.isFollowing ? 1 : 0),
    ...gauge('last_batch_seconds', 'Duration of the newest batch.', state.lastBatchMs / 1_000),
    ...counter('batches', 'Batches written.', state.batches),
    ...counter('commits', 'Commits written.', state.commits),
    ...counter('events', 'Events folded.', state.events),
    ...counter('interruptions', 'Times it had to begin again.', state.interruptions),
    ...counter('batch_seconds', 'Time spent on batches.', state.totalBatchMs / 1_000),
    '',
  ].join('\n');
}

function gauge(name: string, help: string, value: number): readonly string[] {
  return metric(`orrery_projector_${name}`, { type: 'gauge', help, value });
}

function counter(name: string, help: string, value: number): readonly string[] {
  return metric(`orrery_projector_${name}_total`, { type: 'counter', help, value });
}

function metric(
  name: string,
  { type, help, value }: { readonly type: string; readonly help: string; readonly value: number },
): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`];
}
