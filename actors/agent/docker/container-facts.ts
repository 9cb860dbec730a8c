import { z } from 'zod';
import { parseKernelDevices } from '../compute/kernel-devices.ts';
import type { ContainerExit, ContainerState, KernelContainer } from '../container-driver.ts';
import { labels } from './container-options.ts';

/** What the engine tells of a container, as far as it is used. */
export const InspectedContainer = z.object({
  Id: z.string(),
  Config: z.object({
    Labels: z.record(z.string(), z.string()).nullish(),
    Cmd: z.array(z.string()).nullish(),
  }),
  State: z.object({
    Status: z.string(),
    Running: z.boolean(),
    Pid: z.int().default(0),
    OOMKilled: z.boolean(),
    ExitCode: z.int(),
    StartedAt: z.string(),
    FinishedAt: z.string(),
  }),
});
export type InspectedContainer = z.infer<typeof InspectedContainer>;

export const ListedContainer = z.object({
  Id: z.string(),
  State: z.string(),
  Labels: z.record(z.string(), z.string()),
});

/** Exit codes with which the container's init says that it could not run the program. */
const INIT_FAILURE_CODES: readonly number[] = [126, 127];
const INIT_FAILURE = /^\[FATAL tini \(\d+\)\] exec (?<program>.*) failed: (?<why>.*)\n?$/s;

/** Undefined for a container whose labels are not those that this house writes. */
export function kernelContainer(
  inspected: InspectedContainer,
  exit: ContainerExit,
): KernelContainer | undefined {
  const written = inspected.Config.Labels ?? {};
  const kernel = written[labels.kernel];
  const session = written[labels.session];
  if (kernel === undefined || session === undefined) return undefined;
  const batchTimeoutMs = written[labels.batchTimeoutMs];
  return {
    id: inspected.Id,
    kernel,
    session,
    wishRevision: Number(written[labels.wishRevision] ?? '0'),
    traceparent: written[labels.traceparent],
    batchTimeoutMs: batchTimeoutMs === undefined ? undefined : Number(batchTimeoutMs),
    devices: parseKernelDevices(written[labels.devices]),
    state: containerState(inspected, exit),
  };
}

export function containerState(inspected: InspectedContainer, exit: ContainerExit): ContainerState {
  const { State } = inspected;
  if (State.Status === 'created') return { phase: 'created' };
  if (State.Running) return { phase: 'running', startedAtMs: engineTime(State.StartedAt) ?? 0 };
  return { phase: 'exited', exit };
}

/**
 * `wasOomSeen`: the engine's own flag may come late. A program that went on, and ended well, after a part
 * of it was killed did not end for want of memory.
 */
export function containerExit(inspected: InspectedContainer, wasOomSeen: boolean): ContainerExit {
  const { ExitCode, OOMKilled, FinishedAt } = inspected.State;
  return {
    exitCode: ExitCode,
    wasOutOfMemory: (OOMKilled || wasOomSeen) && ExitCode !== 0,
    finishedAtMs: engineTime(FinishedAt) ?? null,
  };
}

/** Whether the log must be looked at to tell a program's exit from its never having run. */
export function mayBeStartFailure(exit: ContainerExit): boolean {
  return exit.exitCode !== null && INIT_FAILURE_CODES.includes(exit.exitCode);
}

/** Why the program never ran, when the whole log is the init's own complaint. */
export function findStartFailure(log: {
  readonly stdout: string;
  readonly stderr: string;
}): { readonly code: string; readonly message: string } | undefined {
  const complaint = INIT_FAILURE.exec(log.stderr)?.groups;
  if (log.stdout !== '' || complaint === undefined) return undefined;
  const { program = '', why = '' } = complaint;
  const isMissing = why.startsWith('No such file');
  return {
    code: isMissing ? 'command-not-found' : 'command-not-executable',
    message: `the program ${JSON.stringify(program)} could not be started: ${why.trim()}`,
  };
}

/** Milliseconds since the epoch; undefined for the engine's year 1, which means never. */
function engineTime(text: string): number | undefined {
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) || atMs <= 0 ? undefined : atMs;
}
