import { z } from 'zod';

const Exited = z.object({
  state: z.literal('exited'),
  exitCode: z.int().nullable(),
  wasOutOfMemory: z.boolean(),
  finishedAtMs: z.number().nullable(),
  reason: z.string(),
});

const Failed = z.object({
  state: z.literal('failed'),
  step: z.enum(['prepare', 'pull', 'create', 'start', 'run']),
  code: z.string(),
  message: z.string(),
});

/**
 * What this agent remembers of a kernel. `met`: it was told of it; `running`: it started it; `ended`: it
 * saw its end, told in `end`; `gone`: as it was wished, nothing of it is left here and nothing of an older wish may come back.
 */
export const KernelRecord = z.object({
  kernel: z.string(),
  session: z.string(),
  /** The highest revision of a wish met so far. */
  revision: z.int(),
  /** Place of that wish in the node's inbox; absent: known from its container only. */
  sequence: z.int().optional(),
  phase: z.enum(['met', 'running', 'ended', 'gone']),
  traceparent: z.string().optional(),
  end: z.discriminatedUnion('state', [Exited, Failed]).optional(),
  /** It ended by itself, nothing of it is left, and that was told; absent: no. */
  isTold: z.boolean().optional(),
  /** Why it is being stopped; written before the stop, so that a new agent knows. */
  stopReason: z.string().optional(),
});
export type KernelRecord = Readonly<z.infer<typeof KernelRecord>>;
export type KernelEnd = NonNullable<KernelRecord['end']>;
export type KernelExit = Extract<KernelEnd, { readonly state: 'exited' }>;
