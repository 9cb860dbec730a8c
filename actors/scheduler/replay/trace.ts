import type { QueuedSession, Slots } from '@orrery/bus';
import { DEFAULT_GROUP } from '../administration.ts';
import { fold } from '../fold.ts';
import { emptyState } from '../state.ts';
import { keyOf, type RecordedTurn, Recorder, type Recording, type Run } from './recording.ts';
import type { SwfJob, SwfTrace } from './swf.ts';

const KIB = 1024;
const PRIORITY = 10;

/** Where a trace is to be run: on nodes that are all alike. */
export interface TraceNodes {
  readonly count: number;
  readonly slots: Slots;
}

export interface TraceLoad {
  readonly recording: Recording;
  /** Jobs without a run time or processors: cancelled before they started, or not recorded. */
  readonly skipped: number;
}

/**
 * The jobs as sessions: a core each processor, a user and a project each of the trace's; what asks for more cores
 * than a node has is a gang. Memory counts when the nodes have any.
 */
export function recordingOfTrace({ jobs }: SwfTrace, nodes: TraceNodes): TraceLoad {
  const runs = new Map<string, Run>();
  const ranMs = new Map<string, number>();
  const turns: RecordedTurn[] = [];
  let skipped = 0;
  for (const job of jobs.toSorted((left, right) => left.submitSeconds - right.submitSeconds)) {
    const cores = job.requestedProcessors ?? job.processors;
    if (cores === undefined || cores <= 0 || job.runSeconds === undefined) {
      skipped += 1;
      continue;
    }
    const queued = sessionOf(job, cores, nodes);
    const atMs = Math.round(job.submitSeconds * 1000);
    const tookMs = Math.round(job.runSeconds * 1000);
    turns.push({ atMs, inputs: [{ type: 'tell', command: { type: 'queue', queued } }] });
    ranMs.set(queued.session, tookMs);
    runs.set(keyOf(queued.session, 1), {
      placedAtMs: 0,
      end: { atMs: tookMs, turn: Infinity, isInTurn: false },
    });
  }
  const fromMs = turns[0]?.atMs ?? 0;
  const empty = new Recorder(stateWith(nodes), { fromMs, toMs: Infinity }).recording();
  return { recording: { ...empty, turns, runs, ranMs }, skipped };
}

function stateWith({ count, slots }: TraceNodes) {
  const state = emptyState();
  for (let index = 1; index <= count; index += 1)
    fold(state, {
      type: 'node-joined',
      capacity: {
        node: `node-${index}`,
        resourceGroup: DEFAULT_GROUP,
        architecture: 'any',
        slots,
        isSchedulable: true,
      },
    });
  return state;
}

function sessionOf(job: SwfJob, cores: number, { slots }: TraceNodes): QueuedSession {
  const session = `job-${job.number}`;
  const coresMax = Math.max(1, Math.floor(Number(slots['cpu'] ?? '1')));
  const count = Math.ceil(cores / coresMax);
  const kibPerCore = job.requestedMemoryKib ?? job.usedMemoryKib ?? 0;
  const kernels = Array.from({ length: count }, (_, index) => {
    const share = Math.floor(cores / count) + (index < cores % count ? 1 : 0);
    const mem = Math.ceil(share * kibPerCore) * KIB;
    const asked = {
      cpu: String(share),
      ...(slots['mem'] === undefined ? {} : { mem: String(mem) }),
    };
    return { kernel: `${session}/${index}`, slots: asked };
  });
  const userId = `user-${job.user ?? 'unknown'}`;
  return {
    session,
    attempt: 1,
    resourceGroup: DEFAULT_GROUP,
    clusterMode: count > 1 ? 'multi-node' : 'single-node',
    priority: PRIORITY,
    owner: {
      userId,
      accessKey: userId,
      projectId: `group-${job.group ?? 'unknown'}`,
      domain: 'default',
    },
    kernels,
    sessionType: 'batch',
    queuedAtMs: Math.round(job.submitSeconds * 1000),
    ...(job.requestedSeconds === undefined || job.requestedSeconds <= 0
      ? {}
      : { runsAtMostMs: Math.round(job.requestedSeconds * 1000) }),
  };
}
