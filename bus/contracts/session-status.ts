import type { KernelStatus, SessionEvent, SessionStatus } from './session.ts';

type EventType = SessionEvent['type'];
type SessionEventType = Extract<EventType, `session-${string}`>;
type KernelEventType = Exclude<EventType, SessionEventType>;

/** The status that a session enters by an event; undefined: it keeps the one it has. */
export const sessionStatusOf: Readonly<Record<SessionEventType, SessionStatus | undefined>> = {
  'session-enqueued': 'PENDING',
  'session-priority-changed': undefined,
  'session-used': undefined,
  'session-scheduled': 'SCHEDULED',
  'session-preparing': 'PREPARING',
  'session-network-ready': undefined,
  'session-prepared': 'PREPARED',
  'session-creating': 'CREATING',
  'session-running': 'RUNNING',
  'session-finished': undefined,
  'session-terminating': 'TERMINATING',
  'session-forced': undefined,
  'session-terminated': 'TERMINATED',
  'session-cancelled': 'CANCELLED',
  'session-failed': 'ERROR',
  'session-requeued': 'PENDING',
};

/** The same for a kernel. */
export const kernelStatusOf: Readonly<Record<KernelEventType, KernelStatus>> = {
  'kernel-scheduled': 'SCHEDULED',
  'kernel-preparing': 'PREPARING',
  'kernel-pulling': 'PULLING',
  'kernel-prepared': 'PREPARED',
  'kernel-creating': 'CREATING',
  'kernel-running': 'RUNNING',
  'kernel-terminating': 'TERMINATING',
  'kernel-terminated': 'TERMINATED',
  'kernel-cancelled': 'CANCELLED',
  'kernel-failed': 'ERROR',
  'kernel-requeued': 'PENDING',
};
