import { type KernelRequest, type KernelStatus, type SessionEvent, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { KernelRow } from './rows.ts';
import { OUT_OF_MEMORY, sentenceOf } from './status-words.ts';

export type KernelEvent = Extract<SessionEvent, { readonly kernel: string }>;

export function isKernelEvent(event: SessionEvent): event is KernelEvent {
  return 'kernel' in event;
}

/** The row of a kernel that its session asked for. */
export function kernelOf(request: KernelRequest, at: Moment): KernelRow {
  return {
    id: request.id,
    sessionId: at.id,
    role: request.role,
    index: request.index,
    localRank: request.localRank,
    hostname: request.hostname,
    status: 'PENDING',
    statusInfo: null,
    statusMessage: null,
    image: request.image,
    agentId: null,
    containerId: null,
    requestedSlots: request.slots,
    occupiedSlots: {},
    devices: [],
    pullProgress: null,
    exitCode: null,
    wasOutOfMemory: false,
    startedAtMs: null,
    terminatedAtMs: null,
    ...placeOf(at),
  };
}

/** What one event does to the row of its kernel. */
export function projectKernel(row: KernelRow, event: KernelEvent, at: Moment): KernelRow {
  return { ...row, ...changeOf(row, event, at), ...placeOf(at) };
}

function changeOf(row: KernelRow, event: KernelEvent, at: Moment): Partial<KernelRow> {
  switch (event.type) {
    case 'kernel-scheduled':
      return { status: 'SCHEDULED', agentId: event.node, occupiedSlots: event.slots };
    case 'kernel-preparing':
      return { status: 'PREPARING' };
    case 'kernel-pulling':
      return { status: 'PULLING', pullProgress: event.progress ?? null };
    case 'kernel-prepared':
      return { status: 'PREPARED', pullProgress: null };
    case 'kernel-creating':
      return { status: 'CREATING' };
    case 'kernel-running': {
      const { containerId, startedAtMs, devices = [] } = event;
      return { status: 'RUNNING', containerId, startedAtMs: instantMs(startedAtMs), devices };
    }
    case 'kernel-terminating':
      return { status: 'TERMINATING', pullProgress: null };
    case 'kernel-terminated': {
      const { exitCode, wasOutOfMemory } = event;
      const reason = wasOutOfMemory ? OUT_OF_MEMORY : event.reason;
      return {
        ...over('TERMINATED', reason, event.finishedAtMs ?? at.recordedAtMs),
        exitCode,
        wasOutOfMemory,
      };
    }
    case 'kernel-cancelled':
      return over('CANCELLED', event.reason, at.recordedAtMs);
    case 'kernel-failed':
      return { ...over('ERROR', event.code, at.recordedAtMs), statusMessage: event.message };
    case 'kernel-requeued':
      return {
        ...kernelOf({ ...row, slots: row.requestedSlots }, at),
      };
    default:
      return unreachable(event);
  }
}

function over(status: KernelStatus, reason: string, endedAtMs: number): Partial<KernelRow> {
  return {
    status,
    statusInfo: reason,
    statusMessage: sentenceOf(reason),
    occupiedSlots: {},
    pullProgress: null,
    terminatedAtMs: instantMs(endedAtMs),
  };
}
