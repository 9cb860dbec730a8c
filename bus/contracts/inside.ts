import { z } from 'zod';

/** What is asked of a running kernel from outside: to run code, and to handle its files. */

const RUN_ID = /^[A-Za-z0-9_-]{1,64}$/;
export const CODE_CHARACTERS_MAX = 256 * 1024;
export const FLUSH_MS_MAX = 10_000;
const COMMAND_CHARACTERS_MAX = 16 * 1024;

export const RunLanguage = z.enum(['python', 'node', 'shell', 'r', 'julia']);
export type RunLanguage = z.infer<typeof RunLanguage>;

/** A shell command; `*`: what is usual for the language; empty or absent: nothing. */
const StepCommand = z.string().max(COMMAND_CHARACTERS_MAX).nullish();
export const BatchSteps = z.object({ clean: StepCommand, build: StepCommand, exec: StepCommand });
export type BatchSteps = Readonly<z.infer<typeof BatchSteps>>;

/** Starts a run, or goes on with one; a start that comes again finds the run that is there. */
export const ExecuteRequest = z.object({
  kind: z.literal('execute'),
  kernel: z.uuid(),
  runId: z.string().regex(RUN_ID, 'up to 64 letters, digits, - and _'),
  mode: z.enum(['query', 'batch', 'continue', 'input']),
  language: RunLanguage,
  code: z.string().max(CODE_CHARACTERS_MAX),
  steps: BatchSteps.optional(),
  /** Sequence up to which the output was received, and may be forgotten; absent: what was last given. */
  after: z.int().min(0).optional(),
  /** How long an answer may wait for the run to end or to ask for something. */
  flushMs: z.int().min(0).max(FLUSH_MS_MAX),
  timeoutMs: z.int().min(1).optional(),
});
export type ExecuteRequest = Readonly<z.infer<typeof ExecuteRequest>>;

export const InterruptRequest = z.object({
  kind: z.literal('interrupt'),
  kernel: z.uuid(),
  /** Absent: whichever runs. */
  runId: z.string().regex(RUN_ID).optional(),
});
export type InterruptRequest = Readonly<z.infer<typeof InterruptRequest>>;

export const CompleteRequest = z.object({
  kind: z.literal('complete'),
  kernel: z.uuid(),
  language: RunLanguage,
  /** Up to the cursor. */
  code: z.string().max(CODE_CHARACTERS_MAX),
});
export type CompleteRequest = Readonly<z.infer<typeof CompleteRequest>>;

export const RunStatus = z.enum([
  'continued',
  'waiting-input',
  'clean-finished',
  'build-finished',
  'finished',
  'exec-timeout',
]);
export type RunStatus = z.infer<typeof RunStatus>;

/** `['stdout', text]`, `['media', [mime, content]]`, `['log', [level, time, logger, message]]`, … */
export const ConsoleItem = z.union([
  z.tuple([z.enum(['stdout', 'stderr', 'html']), z.string()]),
  z.tuple([z.literal('media'), z.tuple([z.string(), z.string()])]),
  z.tuple([z.literal('log'), z.tuple([z.string(), z.string(), z.string(), z.string()])]),
]);
export type ConsoleItem = z.infer<typeof ConsoleItem>;

export const ExecuteResult = z.object({
  runId: z.string(),
  status: RunStatus,
  exitCode: z.int().nullable(),
  options: z.object({ is_password: z.boolean() }).nullable(),
  console: z.array(ConsoleItem),
  /** Sequence up to which this answer goes: the `after` of the next request. */
  next: z.int(),
});
export type ExecuteResult = Readonly<z.infer<typeof ExecuteResult>>;

export const CompleteResult = z.object({ suggestions: z.array(z.string()) });
export const InterruptResult = z.object({ isInterrupted: z.boolean() });
