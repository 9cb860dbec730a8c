import {
  type KernelEndpoint,
  type KernelReport,
  type KernelSpec,
  type KernelWish,
  OrreryError,
  unreachable,
} from '@orrery/bus';
import type { ContainerExit, KernelContainer } from './container-driver.ts';
import { ContainerFailure } from './errors.ts';
import type { KernelEnd, KernelExit, KernelRecord } from './kernel-record.ts';

/** What is to be done about one wish, given what is remembered and what is there. */
export type Action =
  /** A newer wish was met already. */
  | { readonly action: 'ignore' }
  | { readonly action: 'report'; readonly report: KernelReport }
  | { readonly action: 'prepare'; readonly spec: KernelSpec }
  | { readonly action: 'start'; readonly spec: KernelSpec }
  /** Ask the program to end, then clear. */
  | { readonly action: 'stop'; readonly graceMs: number; readonly reason: string }
  /** Remove everything that is left of it, then report. */
  | { readonly action: 'clear'; readonly report: KernelReport };

export interface Seen {
  readonly record: KernelRecord | undefined;
  readonly container: KernelContainer | undefined;
}

/** What a report `running` says of a container. */
export type Ran = NonNullable<Extract<KernelReport, { readonly state: 'exited' }>['ran']>;

const ABSENT = { state: 'absent' } as const;
const PREPARED = { state: 'prepared' } as const;

/** A container that vanished while nobody looked. Whatever ran in it has ended. */
export const VANISHED: KernelExit = {
  state: 'exited',
  exitCode: null,
  wasOutOfMemory: false,
  finishedAtMs: null,
  reason: 'container-not-found',
};

export function decide(wish: KernelWish, seen: Seen): Action {
  const { record } = seen;
  if (record !== undefined && wish.revision < record.revision) return { action: 'ignore' };
  switch (wish.shall) {
    case 'be-prepared':
      return bePrepared(wish, seen);
    case 'run':
      return run(wish, seen);
    case 'report':
      return report(seen);
    case 'be-gone':
      return beGone(wish, seen);
    default:
      return unreachable(wish);
  }
}

function bePrepared(
  wish: Extract<KernelWish, { readonly shall: 'be-prepared' }>,
  seen: Seen,
): Action {
  const { record, container } = seen;
  if (container?.state.phase === 'exited') return told(seen, container.state.exit);
  if (container !== undefined) return { action: 'report', report: PREPARED };
  if (record?.phase === 'ended' && record.end?.state === 'exited') return ended(record);
  return answered(wish, seen) ?? { action: 'prepare', spec: wish.spec };
}

function run(wish: Extract<KernelWish, { readonly shall: 'run' }>, seen: Seen): Action {
  const { record, container } = seen;
  switch (container?.state.phase) {
    case 'running':
      return { action: 'report', report: runningReport(container) };
    case 'exited':
      return told(seen, container.state.exit);
    case 'created':
      return { action: 'start', spec: wish.spec };
    default:
  }
  // What ended, or was started and is not there any more, is not started again.
  if (record?.phase === 'ended' && record.end?.state === 'exited') return ended(record);
  if (record?.phase === 'running') return { action: 'report', report: VANISHED };
  return answered(wish, seen) ?? { action: 'start', spec: wish.spec };
}

function report(seen: Seen): Action {
  const { record, container } = seen;
  switch (container?.state.phase) {
    case 'running':
      return { action: 'report', report: runningReport(container) };
    case 'exited':
      return told(seen, container.state.exit);
    case 'created':
      // It was made for a wish that does not count any more: nobody will start it.
      return { action: 'clear', report: ABSENT };
    default:
  }
  if (record?.phase === 'running') return { action: 'report', report: VANISHED };
  return ended(record);
}

function beGone(
  wish: Extract<KernelWish, { readonly shall: 'be-gone' }>,
  { record, container }: Seen,
): Action {
  const { graceMs, reason } = wish;
  switch (container?.state.phase) {
    case 'running':
      return { action: 'stop', graceMs, reason };
    case 'exited':
      return {
        action: 'clear',
        report: record?.end ?? exitReport(container.state.exit, record?.stopReason),
      };
    case 'created':
      return { action: 'clear', report: ABSENT };
    default:
  }
  if (record?.phase === 'running') return { action: 'clear', report: VANISHED };
  return { action: 'clear', report: record?.end ?? ABSENT };
}

/** The answer that this very wish had already, when it ended in one that stays. */
function answered(wish: KernelWish, { record }: Seen): Action | undefined {
  if (record === undefined || record.revision !== wish.revision) return undefined;
  if (record.phase !== 'ended' && record.phase !== 'gone') return undefined;
  return { action: 'report', report: record.end ?? ABSENT };
}

function ended(record: KernelRecord | undefined): Action {
  const { end, isTold } = record ?? {};
  if (end?.state !== 'exited' || isTold !== true)
    return { action: 'report', report: end ?? ABSENT };
  return { action: 'report', report: { ...end, isRemoved: true } };
}

function told({ record }: Seen, exit: ContainerExit): Action {
  return { action: 'report', report: record?.end ?? exitReport(exit, record?.stopReason) };
}

export function preparedReport(endpoint: KernelEndpoint | undefined): KernelReport {
  return endpoint === undefined ? PREPARED : { ...PREPARED, endpoint };
}

export function runningReport(container: KernelContainer): KernelReport {
  const { state } = container;
  const startedAtMs = state.phase === 'running' ? state.startedAtMs : 0;
  return { state: 'running', ...ran(container, startedAtMs) };
}

/** Of a container that had ended before anybody could say that it runs; undefined: its program never ran. */
export function ranUnseen(container: KernelContainer, nowMs: number): Ran | undefined {
  const { state } = container;
  if (state.phase !== 'exited' || state.exit.startFailure !== undefined) return undefined;
  return ran(container, state.exit.finishedAtMs ?? nowMs);
}

function ran({ id, devices }: KernelContainer, startedAtMs: number): Ran {
  const held = devices?.held ?? [];
  return { containerId: id, startedAtMs, ...(held.length === 0 ? {} : { devices: [...held] }) };
}

/** `stopReason`: why this agent ended it, if it did. */
export function exitReport(exit: ContainerExit, stopReason: string | undefined): KernelExit {
  return {
    state: 'exited',
    exitCode: exit.exitCode,
    wasOutOfMemory: exit.wasOutOfMemory,
    finishedAtMs: exit.finishedAtMs,
    reason: stopReason ?? exit.startFailure?.code ?? 'self-terminated',
  };
}

/** What was thrown at a step of the start, told as how the kernel ended. */
export function failureReport(cause: unknown, step: ContainerFailure['step']): KernelEnd {
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof OrreryError ? cause.code : 'agent-failed';
  const at = cause instanceof ContainerFailure ? cause.step : step;
  return { state: 'failed', step: at, code, message };
}
