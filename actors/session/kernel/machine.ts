import type { KernelEndpoint, SessionEvent, Slots } from '@orrery/bus';
import { assign, setup } from 'xstate';
import { compile } from '../../runtime/compiled-machine.ts';

/** The events of a session that one of its kernels takes. */
export type KernelEvent = Extract<SessionEvent, { readonly kernel: string }>;

export interface KernelContext {
  readonly node?: string | undefined;
  readonly slots?: Slots | undefined;
  readonly endpoint?: KernelEndpoint | undefined;
  readonly containerId?: string | undefined;
  readonly exitCode?: number | null | undefined;
  readonly wasOutOfMemory?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly isRemoved?: boolean | undefined;
}

/** Statuses of a kernel and what leads from one to the next. Part of its session's aggregate. */
export const kernelMachine = setup({
  types: { context: {} as KernelContext, events: {} as KernelEvent },
  actions: {
    remember: assign(({ event }) => remembered(event)),
    forget: assign(() => ({
      node: undefined,
      slots: undefined,
      endpoint: undefined,
      containerId: undefined,
    })),
  },
}).createMachine({
  id: 'kernel',
  context: {},
  initial: 'PENDING',
  states: {
    PENDING: {
      on: {
        'kernel-scheduled': { target: 'SCHEDULED', actions: 'remember' },
        'kernel-cancelled': { target: 'CANCELLED', actions: 'remember' },
      },
    },
    SCHEDULED: {
      on: {
        'kernel-preparing': 'PREPARING',
        'kernel-terminating': 'TERMINATING',
        'kernel-requeued': { target: 'PENDING', actions: 'forget' },
        'kernel-failed': { target: 'ERROR', actions: 'remember' },
      },
    },
    PREPARING: {
      on: {
        'kernel-pulling': 'PULLING',
        'kernel-prepared': { target: 'PREPARED', actions: 'remember' },
        'kernel-terminating': 'TERMINATING',
        'kernel-requeued': { target: 'PENDING', actions: 'forget' },
        'kernel-failed': { target: 'ERROR', actions: 'remember' },
      },
    },
    PULLING: {
      on: {
        // How far it is.
        'kernel-pulling': { actions: 'remember' },
        'kernel-prepared': { target: 'PREPARED', actions: 'remember' },
        'kernel-terminating': 'TERMINATING',
        'kernel-requeued': { target: 'PENDING', actions: 'forget' },
        'kernel-failed': { target: 'ERROR', actions: 'remember' },
      },
    },
    PREPARED: {
      on: {
        'kernel-creating': 'CREATING',
        'kernel-terminating': 'TERMINATING',
        'kernel-requeued': { target: 'PENDING', actions: 'forget' },
        'kernel-failed': { target: 'ERROR', actions: 'remember' },
      },
    },
    CREATING: {
      on: {
        'kernel-running': { target: 'RUNNING', actions: 'remember' },
        'kernel-terminating': 'TERMINATING',
        'kernel-terminated': { target: 'TERMINATED', actions: 'remember' },
        'kernel-requeued': { target: 'PENDING', actions: 'forget' },
        'kernel-failed': { target: 'ERROR', actions: 'remember' },
      },
    },
    RUNNING: {
      on: {
        'kernel-requeued': { target: 'PENDING', actions: 'forget' },
        'kernel-terminating': 'TERMINATING',
        'kernel-terminated': { target: 'TERMINATED', actions: 'remember' },
      },
    },
    TERMINATING: {
      on: {
        'kernel-terminated': { target: 'TERMINATED', actions: 'remember' },
        'kernel-failed': { target: 'ERROR', actions: 'remember' },
      },
    },
    TERMINATED: { type: 'final' },
    CANCELLED: { type: 'final' },
    ERROR: { type: 'final' },
  },
});

/** The machine as tables: a session asks it at every turn. */
export const kernelRules = compile(kernelMachine);

function remembered(event: KernelEvent): KernelContext {
  switch (event.type) {
    case 'kernel-scheduled':
      return { node: event.node, slots: event.slots };
    case 'kernel-prepared':
      return { endpoint: event.endpoint };
    case 'kernel-running':
      return { containerId: event.containerId };
    case 'kernel-terminated':
      return {
        reason: event.reason,
        exitCode: event.exitCode,
        wasOutOfMemory: event.wasOutOfMemory,
        isRemoved: event.isRemoved,
      };
    case 'kernel-cancelled':
      return { reason: event.reason };
    case 'kernel-failed':
      return { reason: event.code, message: event.message };
    default:
      return {};
  }
}
