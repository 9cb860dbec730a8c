import { z } from 'zod';

/** A shell inside a kernel that lives on when nobody looks at it, and is looked at by several at once. */

export const TerminalName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,32}$/, 'up to 32 letters, digits, - and _');
export const TerminalMode = z.enum(['read-write', 'read-only']);
export type TerminalMode = z.infer<typeof TerminalMode>;
export const TerminalSide = z.int().min(1).max(1_000);

/** Opens the terminal, with a new shell where none runs, or goes on with it after a cut. */
export const TerminalRequest = z.object({
  kind: z.literal('terminal'),
  kernel: z.uuid(),
  terminal: TerminalName,
  mode: TerminalMode,
  columns: TerminalSide.optional(),
  rows: TerminalSide.optional(),
  /** Of an `attached` frame: the shell that is gone on with; without it a new one is begun if need be. */
  life: z.uuid().optional(),
  /** Bytes of its output that were seen already. */
  afterBytes: z.int().min(0).optional(),
  isRecorded: z.boolean(),
});
export type TerminalRequest = Readonly<z.infer<typeof TerminalRequest>>;

export const RecordingName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,32}\.\d{13}\.cast$/, 'no recording');

/** What was recorded in a kernel's terminals, also after its end. */
export const RecordingRequest = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('recording-list'), kernel: z.uuid() }),
  z.object({ kind: z.literal('recording-read'), kernel: z.uuid(), name: RecordingName }),
]);
export type RecordingRequest = Readonly<z.infer<typeof RecordingRequest>>;

export const Recordings = z.object({
  recordings: z.array(
    z.object({
      name: z.string(),
      terminal: z.string(),
      startedAtMs: z.number(),
      sizeBytes: z.number(),
    }),
  ),
});
