import {
  isOver,
  type PullProgress,
  SESSION_STATUSES,
  type Session,
  type SessionStatus,
} from '../../client/model.ts';
import type { Tone } from '../output.ts';
import { cardLines } from '../table.ts';
import { wordAgo, wordAmount, wordBytes, wordCommand, wordMoment, wordSlots } from '../wording.ts';

export function toneOf(status: SessionStatus): Tone {
  if (status === 'RUNNING') return 'good';
  if (status === 'ERROR') return 'bad';
  return status === 'TERMINATED' || status === 'CANCELLED' ? 'faint' : 'busy';
}

export function wasOutOfMemory(session: Session): boolean {
  return session.kernels.some((kernel) => kernel.wasOutOfMemory);
}

/** Such as `out of memory: it needed more than 128 MiB`. */
export function wordOutOfMemory(session: Session): string {
  const limit = session.requestedSlots['mem'];
  return limit === undefined
    ? 'out of memory'
    : `out of memory: it needed more than ${wordAmount('mem', limit)}`;
}

/** Why a session is as it is: the sentence and the stable word. */
export function wordReason(session: Session): string | undefined {
  const { statusInfo, statusMessage } = session;
  if (wasOutOfMemory(session))
    return `${wordOutOfMemory(session)} (${statusInfo ?? 'out-of-memory'})`;
  if (statusInfo === null) return statusMessage ?? undefined;
  return statusMessage === null ? statusInfo : `${statusMessage} (${statusInfo})`;
}

/** A session for people, line by line. */
export function sessionLines(session: Session, nowMs: number): readonly string[] {
  const { command, kernels } = session;
  const nodes = [...new Set(kernels.map(({ agentId }) => agentId).filter((id) => id !== null))];
  const containers = kernels.map(({ containerId }) => containerId).filter((id) => id !== null);
  return [
    ...cardLines([
      ['Name', session.name],
      ['ID', session.id],
      ['Status', session.status],
      [isOver(session) ? 'Ended because' : 'Because', wordReason(session)],
      ['Exit code', session.exitCode === null ? undefined : String(session.exitCode)],
      ['Type', session.type.toLowerCase()],
      ['Image', session.image],
      ['Pulled', wordPull(kernels)],
      ['Command', command === null ? undefined : wordCommand(command)],
      ['Owner', `${session.owner.email} (${session.domain}/${session.projectId})`],
      ['Asked for', wordSlots(session.requestedSlots)],
      ['Holds', wordSlots(session.occupiedSlots) || undefined],
      ['Devices', wordDevices(kernels)],
      ['Group', session.resourceGroup],
      ['Priority', String(session.priority)],
      ['Tag', session.tag],
      ['Cluster', wordCluster(session)],
      ['Agent', nodes.join(', ') || undefined],
      ['Container', containers.map((id) => id.slice(0, 12)).join(', ') || undefined],
      ['Created', wordAgo(session.createdAt, nowMs)],
      ['Started', session.startedAt === null ? undefined : wordAgo(session.startedAt, nowMs)],
      ['Ended', session.terminatedAt === null ? undefined : wordAgo(session.terminatedAt, nowMs)],
    ]),
    ...kernelLines(session),
    'History',
    ...historyOf(session).map(([status, at]) => `  ${wordMoment(at)}  ${status}`),
  ];
}

function wordCluster({ clusterSize, clusterMode }: Session): string | undefined {
  if (clusterSize <= 1) return undefined;
  const where = clusterMode === 'MULTI_NODE' ? 'on any agents' : 'on one agent';
  return `${clusterSize} kernels ${where}`;
}

/** Of a cluster, each kernel with its place. */
function kernelLines({ clusterSize, kernels }: Session): readonly string[] {
  if (clusterSize <= 1) return [];
  const lines = kernels.map(({ hostname, status, agentId, statusInfo }) =>
    [hostname.padEnd(8), status.padEnd(12), agentId ?? '', statusInfo ?? ''].join('  ').trimEnd(),
  );
  return ['Kernels', ...lines.map((line) => `  ${line}`)];
}

/** Such as `2/5 layers, 12 MiB/40 MiB`, while an image comes. */
function wordPull(kernels: Session['kernels']): string | undefined {
  const pulls = new Set(
    kernels.flatMap(({ pullProgress }) => (pullProgress === null ? [] : [pullWords(pullProgress)])),
  );
  return pulls.size === 0 ? undefined : [...pulls].join('; ');
}

function pullWords({ layersDone, layersTotal, bytesDone, bytesTotal }: PullProgress): string {
  const bytes = wordBytes(bytesDone);
  const share = bytesTotal === null ? bytes : `${bytes}/${wordBytes(bytesTotal)}`;
  return `${layersDone}/${layersTotal} layers, ${share}`;
}

/** Such as `cuda.device 1 GPU-8f… (NVIDIA H100)`, with the host's name where there are several. */
function wordDevices(kernels: Session['kernels']): string | undefined {
  const words = kernels.flatMap(({ hostname, devices }) =>
    devices.map(({ id, slot, amount, model }) => {
      const device = `${slot} ${amount} ${id} (${model})`;
      return kernels.length === 1 ? device : `${hostname}: ${device}`;
    }),
  );
  return words.length === 0 ? undefined : words.join(', ');
}

/** By time, and by the order of statuses for those entered within the same millisecond. */
function historyOf({ statusHistory }: Session): readonly (readonly [SessionStatus, string])[] {
  return SESSION_STATUSES.map((status) => [status, statusHistory[status] ?? ''] as const)
    .filter(([, at]) => at !== '')
    .toSorted(([, left], [, right]) => Date.parse(left) - Date.parse(right));
}
