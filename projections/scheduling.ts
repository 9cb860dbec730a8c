import type { HoldReason, SchedulerEvent, StartForecast } from '@orrery/bus';
import { instantMs, type Moment } from './moment.ts';
import type { AllocationRow, QueueRow } from './rows.ts';

/** What the scheduler holds of one session: its place in the queue and what was given to its kernels. */
export interface Scheduling {
  readonly queue: QueueRow | undefined;
  readonly allocations: readonly AllocationRow[];
}

/** The session that an event of the scheduler is about; undefined for one about a node. */
export function sessionOfSchedulerEvent(event: SchedulerEvent): string | undefined {
  if (event.type === 'session-queued') return event.queued.session;
  return 'session' in event ? event.session : undefined;
}

/** What one event of the scheduler does to the rows of its session. */
export function projectScheduling(
  state: Scheduling | undefined,
  event: SchedulerEvent,
  at: Moment,
): Scheduling {
  const { queue, allocations } = state ?? { queue: undefined, allocations: [] };
  const { sequence } = at;
  switch (event.type) {
    case 'session-queued': {
      const { session, attempt, resourceGroup } = event.queued;
      return {
        queue: {
          sessionId: session,
          isWaiting: true,
          attempt,
          resourceGroup,
          ...held(undefined),
          queuedAtMs: instantMs(at.recordedAtMs),
          sequence,
        },
        allocations,
      };
    }
    case 'session-held':
      return { queue: queue && heldAgain(queue, event.reason, sequence), allocations };
    case 'start-foretold': {
      const { reason, forecast } = event;
      const told = reason === undefined ? {} : held(reason);
      const foretold = queue && { ...queue, ...told, sequence };
      return { queue: foretold && withForecast(foretold, forecast), allocations };
    }
    case 'session-dequeued':
      return { queue: left(queue, sequence), allocations };
    case 'session-placed': {
      const atMs = momentOf(event, at);
      const placed = event.placements.map(({ kernel, node, slots }) => ({
        id: `${kernel}/${event.attempt}`,
        kernelId: kernel,
        sessionId: event.session,
        agentId: node,
        attempt: event.attempt,
        slots,
        isReleased: false,
        heldFromMs: atMs,
        heldUntilMs: null,
        sequence,
      }));
      const ids = new Set(placed.map(({ id }) => id));
      // A session lies in one place: what an older version did not release is free all the same.
      const before = released(allocations, atMs, sequence).filter(({ id }) => !ids.has(id));
      return { queue: left(queue, sequence), allocations: [...before, ...placed] };
    }
    case 'allocation-released':
      return { queue, allocations: released(allocations, momentOf(event, at), sequence) };
    case 'session-given-up':
      return { queue: left(queue, sequence), allocations };
    case 'priority-changed':
    case 'session-preempted':
    case 'room-promised':
    case 'promise-broken':
    case 'session-expired':
    case 'dependency-ended':
    case 'group-policy-set':
    case 'group-removed':
    case 'limits-set':
    case 'time-looked-at':
    case 'node-joined':
    case 'node-capacity-changed':
      return { queue, allocations };
    default:
      return event satisfies never;
  }
}

/** When the scheduler decided it; older versions wrote some events down without. */
function momentOf({ atMs }: { readonly atMs?: number | undefined }, at: Moment): number {
  return instantMs(atMs ?? at.recordedAtMs);
}

/** Nothing is held for less than no time, whatever clocks do. */
function released(
  allocations: readonly AllocationRow[],
  atMs: number,
  sequence: number,
): readonly AllocationRow[] {
  return allocations.map((row) =>
    row.isReleased
      ? row
      : { ...row, isReleased: true, heldUntilMs: Math.max(row.heldFromMs, atMs), sequence },
  );
}

function held(
  reason: HoldReason | undefined,
): Pick<QueueRow, 'reasonCode' | 'reasonMessage' | 'missingSlots' | 'reasonDetails'> {
  const { checks, agents, place } = reason ?? {};
  const hasDetails = checks !== undefined || agents !== undefined || place !== undefined;
  return {
    reasonCode: reason?.code ?? null,
    reasonMessage: reason?.message ?? null,
    missingSlots: reason?.missing ?? null,
    reasonDetails: hasDetails ? { checks, agents, place } : null,
  };
}

/** What was foretold stays: it says itself of when it is. */
function heldAgain(queue: QueueRow, reason: HoldReason, sequence: number): QueueRow {
  const again = { ...queue, ...held(reason), sequence };
  const forecast = queue.reasonDetails?.forecast;
  return forecast === undefined ? again : withForecast(again, forecast);
}

function withForecast(queue: QueueRow, forecast: StartForecast): QueueRow {
  return { ...queue, reasonDetails: { ...queue.reasonDetails, forecast } };
}

function left(queue: QueueRow | undefined, sequence: number): QueueRow | undefined {
  return queue && { ...queue, isWaiting: false, ...held(undefined), sequence };
}
