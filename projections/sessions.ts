import {
  addSlots,
  type SessionEvent,
  type SessionRequest,
  type SessionStatus,
  unreachable,
} from '@orrery/bus';
import type { KernelEvent } from './kernels.ts';
import { instantMs, isoInstant, type Moment, placeOf } from './moment.ts';
import type { SessionRow } from './rows.ts';
import { sentenceOf } from './status-words.ts';

type OwnEvent = Exclude<SessionEvent, KernelEvent>;
type LaterEvent = Exclude<OwnEvent, { readonly type: 'session-enqueued' }>;
type Change = Partial<SessionRow>;

/** The row of a session that was asked for. */
export function sessionOf(request: SessionRequest, at: Moment): SessionRow {
  const { owner, kernels } = request;
  const main = kernels.find(({ role }) => role === 'main') ?? kernels[0];
  return {
    id: at.id,
    name: request.name,
    sessionType: request.sessionType,
    status: 'PENDING',
    statusInfo: null,
    statusMessage: null,
    result: 'undefined',
    exitCode: null,
    image: main?.image ?? '',
    command: request.command,
    ownerUserId: owner.userId,
    ownerEmail: owner.email,
    accessKey: owner.accessKey ?? null,
    projectId: owner.projectId,
    domain: owner.domain,
    resourceGroup: request.resourceGroup,
    architecture: request.architecture ?? null,
    clusterMode: request.clusterMode,
    priority: request.priority,
    tag: request.tag ?? null,
    environ: request.environ,
    batchTimeoutMs: request.batchTimeoutMs ?? null,
    requestedSlots: kernels.reduce((sum, { slots }) => addSlots(sum, slots), {}),
    occupiedSlots: {},
    statusHistory: { PENDING: isoInstant(at.recordedAtMs) },
    createdAtMs: instantMs(at.recordedAtMs),
    startedAtMs: null,
    terminatedAtMs: null,
    ...placeOf(at),
  };
}

/** What one of its own events does to the row of a session. */
export function projectSession(row: SessionRow, event: LaterEvent, at: Moment): SessionRow {
  return { ...row, ...changeOf(row, event, at), ...placeOf(at) };
}

function changeOf(row: SessionRow, event: LaterEvent, at: Moment): Change {
  switch (event.type) {
    case 'session-network-ready':
      return {};
    case 'session-priority-changed':
      return { priority: event.priority };
    case 'session-used':
      return {};
    case 'session-scheduled':
      return entering(row, 'SCHEDULED', at);
    case 'session-preparing':
      return entering(row, 'PREPARING', at);
    case 'session-prepared':
      return entering(row, 'PREPARED', at);
    case 'session-creating':
      return entering(row, 'CREATING', at);
    case 'session-running':
      return { ...entering(row, 'RUNNING', at), startedAtMs: instantMs(at.recordedAtMs) };
    case 'session-finished':
      return { ...because(event.reason), result: event.result, exitCode: event.exitCode };
    case 'session-terminating':
      return { ...entering(row, 'TERMINATING', at), ...because(event.reason) };
    case 'session-forced':
      return because(event.reason);
    case 'session-terminated':
      return { ...ending(row, 'TERMINATED', at), ...because(event.reason) };
    case 'session-cancelled':
      return { ...ending(row, 'CANCELLED', at), ...because(event.reason) };
    case 'session-failed':
      return { ...ending(row, 'ERROR', at), ...because(event.reason, event.message) };
    case 'session-requeued':
      return { ...entering(row, 'PENDING', at), ...because(event.reason, event.message) };
    default:
      return unreachable(event);
  }
}

function entering(row: SessionRow, status: SessionStatus, at: Moment): Change {
  return {
    status,
    statusInfo: null,
    statusMessage: null,
    statusHistory: { ...row.statusHistory, [status]: isoInstant(at.recordedAtMs) },
  };
}

function ending(row: SessionRow, status: SessionStatus, at: Moment): Change {
  return { ...entering(row, status, at), terminatedAtMs: instantMs(at.recordedAtMs) };
}

function because(reason: string, message = sentenceOf(reason)): Change {
  return { statusInfo: reason, statusMessage: message };
}
