import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { KernelDevices } from '../compute/kernel-devices.ts';
import type { ContainerState, KernelContainer } from '../container-driver.ts';
import { kernelFiles, writeWhole } from './kernel-files.ts';
import { isAlive, killAll, processesOf } from './process-tree.ts';

const Identity = z.object({ pid: z.int().min(1), startTicks: z.string(), bootId: z.string() });

const KernelFacts = z.object({
  kernel: z.string(),
  session: z.string(),
  wishRevision: z.int(),
  traceparent: z.string().optional(),
  batchTimeoutMs: z.int().optional(),
  createdAtMs: z.number(),
  devices: KernelDevices.optional(),
});
export type KernelFacts = z.infer<typeof KernelFacts>;

const Program = z.object({ identity: Identity, startedAtMs: z.number() });
export type Program = z.infer<typeof Program>;

const Exit = z.object({
  exitCode: z.int().nullable(),
  wasOutOfMemory: z.boolean(),
  finishedAtMs: z.number().nullable(),
});

export const LaunchFile = z.object({
  command: z.array(z.string()),
  environ: z.record(z.string(), z.string()),
  directory: z.string(),
  memoryBytes: z.number().optional(),
});

const KERNEL_NAME = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** Kernels of which there are files, readable or not. */
export function kernelsIn(stateRoot: string): readonly string[] {
  return readdirSync(stateRoot).filter((name) => KERNEL_NAME.test(name));
}

/** Undefined when there is nothing of it that can be understood. */
export function findKernel(stateRoot: string, kernel: string): KernelContainer | undefined {
  const facts = read(kernelFiles(stateRoot, kernel).kernel, KernelFacts);
  if (facts === undefined) return undefined;
  const { session, wishRevision, traceparent, batchTimeoutMs, devices } = facts;
  const state = stateOf(stateRoot, facts);
  const told = { session, wishRevision, traceparent, batchTimeoutMs, devices };
  return { id: kernel, kernel, ...told, state };
}

export function findProgram(stateRoot: string, kernel: string): Program | undefined {
  return read(kernelFiles(stateRoot, kernel).program, Program);
}

export function findLaunch(
  stateRoot: string,
  kernel: string,
): z.infer<typeof LaunchFile> | undefined {
  return read(kernelFiles(stateRoot, kernel).launch, LaunchFile);
}

function stateOf(stateRoot: string, facts: KernelFacts): ContainerState {
  const files = kernelFiles(stateRoot, facts.kernel);
  const supervisor = read(files.supervisor, Identity);
  // The order matters: the supervisor writes the exit before it goes.
  const isSupervised = supervisor !== undefined && isAlive(supervisor);
  const exit = read(files.exit, Exit);
  if (exit !== undefined) return { phase: 'exited', exit };
  if (supervisor === undefined) return { phase: 'created' };
  if (isSupervised) {
    const program = read(files.program, Program);
    return { phase: 'running', startedAtMs: program?.startedAtMs ?? facts.createdAtMs };
  }
  // It was killed, or the machine went down: what it watched over must not go on unwatched.
  killAll(processesOf(facts.kernel));
  const unseen = { exitCode: null, wasOutOfMemory: false, finishedAtMs: null };
  writeWhole(files.exit, unseen);
  writeFileSync(files.notice, '');
  return { phase: 'exited', exit: unseen };
}

function read<Value>(path: string, schema: z.ZodType<Value>): Value | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
