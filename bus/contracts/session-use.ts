import { z } from 'zod';
import { AppName } from './app.ts';
import { BatchSteps, RunLanguage } from './inside.ts';
import { PortNumber } from './port.ts';
import { SshFingerprint } from './ssh-key.ts';
import { TerminalMode, TerminalName } from './terminal.ts';

/** Of what was asked to run, this much is written down; the digest stands for the rest. */
export const USE_TEXT_CHARACTERS_MAX = 1_000;
export const USE_PATHS_MAX = 20;

const Text = z.string().max(USE_TEXT_CHARACTERS_MAX);
const Path = z.string().max(4_096);

/** What a person is about to do inside a session. What programs print or answer is in none of them. */
export const SessionUse = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('code'),
    runId: z.string(),
    language: RunLanguage,
    /** Where the code begins. */
    text: Text,
    characters: z.int(),
    /** SHA-256 (hex) of all of it. */
    digest: z.string(),
  }),
  z.object({
    kind: z.literal('batch'),
    runId: z.string(),
    language: RunLanguage,
    /** Where each begins. */
    steps: BatchSteps,
    /** SHA-256 (hex) of all three as JSON. */
    digest: z.string(),
  }),
  z.object({
    kind: z.literal('program'),
    /** Where its words begin, with a space between. */
    text: Text,
    words: z.int(),
    hasTerminal: z.boolean(),
    /** SHA-256 (hex) of the words as JSON. */
    digest: z.string(),
  }),
  z.object({
    kind: z.literal('files-read'),
    /** The first of them. */
    paths: z.array(Path).max(USE_PATHS_MAX),
    pathsTotal: z.int(),
    isArchive: z.boolean(),
  }),
  z.object({ kind: z.literal('files-written'), path: Path, isArchive: z.boolean() }),
  z.object({ kind: z.literal('file-removed'), path: Path, isRecursive: z.boolean() }),
  z.object({ kind: z.literal('file-renamed'), from: Path, to: Path }),
  z.object({
    kind: z.literal('terminal'),
    terminal: TerminalName,
    mode: TerminalMode,
    /** Somebody to whom the actor gave the way in. */
    isShared: z.boolean(),
    isRecorded: z.boolean(),
  }),
  /** A way to what listens there. */
  z.object({ kind: z.literal('port'), port: PortNumber }),
  z.object({
    kind: z.literal('ssh-opened'),
    connection: z.uuid(),
    /** Of the key that signed in. */
    fingerprint: SshFingerprint,
    /** Where it comes from. */
    address: z.string().max(64),
  }),
  z.object({ kind: z.literal('ssh-closed'), connection: z.uuid(), durationMs: z.int() }),
  /** A way to look on was made, which is good until then. */
  z.object({ kind: z.literal('terminal-shared'), terminal: TerminalName, untilMs: z.number() }),
  z.object({
    kind: z.literal('app-started'),
    app: AppName,
    /** What was given besides, by names alone: the values may be secrets. */
    arguments: z.array(z.string()),
    environ: z.array(z.string()),
  }),
  z.object({ kind: z.literal('app-stopped'), app: AppName }),
  /** The actor was let into it. */
  z.object({ kind: z.literal('app-opened'), app: AppName }),
]);
export type SessionUse = Readonly<z.infer<typeof SessionUse>>;
