import type { Writable } from 'node:stream';
import {
  agentLive,
  type Duplex,
  OrreryError,
  openDuplex,
  type StreamInput,
  StreamOutput,
  type StreamRequest,
} from '@orrery/bus';
import type { ServerChannel } from 'ssh2';
import type { Gateway } from '../gateway.ts';
import { noteUse, useOfProgram } from '../inside/note-use.ts';
import type { Login } from './login.ts';

interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface ProgramChannel {
  resize(size: Size): void;
  /** Whether the program hears of it. */
  signal(name: string): boolean;
}

export interface Program {
  readonly command: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  /** Undefined: none, and standard output and error stay apart. */
  readonly terminal: Size | undefined;
}

type Stream = Duplex<StreamOutput, StreamInput>;

const PIECE_BYTES_MAX = 64 * 1024;
const FAILED = 255;
const NOT_FOUND = 127;
/** Programs that clients run on the other side of a copy, by the first word of the command. */
const COPIERS = /^\s*(?:sh -c ')?(rsync|scp)\s/;
/** As a terminal sends them. */
const KEYS: Readonly<Record<string, string>> = { INT: '\x03', QUIT: '\x1c', TSTP: '\x1a' };
const END_KEY = '\x04';
const ENDING_SIGNALS = new Set(['HUP', 'TERM', 'KILL', 'INT', 'QUIT']);

/** Runs a program in the kernel, and carries its input and output no faster than they are taken. */
export function runProgram(
  gateway: Gateway,
  login: Login,
  channel: ServerChannel,
  program: Program,
): ProgramChannel {
  const ended = new AbortController();
  channel.once('close', () => ended.abort(new Error('the channel is closed')));
  channel.on('error', () => ended.abort());
  const signal = AbortSignal.any([ended.signal, login.closed]);
  let stream: Stream | undefined;
  const send = (frame: StreamInput): void => void stream?.send(frame).catch(() => undefined);
  const run = async (): Promise<void> => {
    const { kernel, node } = login.who.kernel;
    const { command, environ, terminal } = program;
    const request: Extract<StreamRequest, { readonly kind: 'exec' }> = {
      kind: 'exec',
      kernel,
      command: [...command],
      environ: { ...environ },
      hasTerminal: terminal !== undefined,
      ...terminal,
    };
    await noteUse(gateway, login.visitor, useOfProgram(request));
    await using opened: Stream = await openDuplex<StreamOutput, StreamInput>(
      gateway.bus.live,
      agentLive.streams(node),
      request,
      { clock: gateway.clock, incoming: StreamOutput, signal },
    );
    stream = opened;
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    carryIn(channel, opened, { login, terminal }).catch(failed.reject);
    const exitCode = await Promise.race([carryOut(opened, channel, login), failed.promise]);
    if (exitCode === NOT_FOUND) await explain(channel, program);
    finish(channel, exitCode ?? FAILED);
  };
  run().catch((error: unknown) => {
    if (signal.aborted) return;
    const isOurs = error instanceof OrreryError;
    if (!isOurs) gateway.logger.error({ err: error }, 'a program over SSH failed');
    const why = isOurs ? error.message : 'the program could not be run';
    channel.stderr.write(`orrery: ${why}\r\n`);
    finish(channel, FAILED);
  });
  return {
    resize: ({ columns, rows }) => send({ kind: 'resize', columns, rows }),
    signal(name) {
      const key = KEYS[name];
      if (program.terminal !== undefined && key !== undefined) {
        send({ kind: 'input', data: Buffer.from(key).toString('base64') });
        return true;
      }
      if (!ENDING_SIGNALS.has(name)) return false;
      // Whoever runs a program for us ends it when nobody listens to it any more.
      ended.abort(new Error(`the signal ${name}`));
      channel.exit(name);
      channel.end();
      return true;
    },
  };
}

/** Undefined or null: it ended without telling how. */
async function carryOut(
  stream: Stream,
  channel: ServerChannel,
  login: Login,
): Promise<number | null | undefined> {
  for await (const frame of stream.incoming) {
    if (frame.kind === 'exit') return frame.exitCode;
    if (frame.kind !== 'output') continue;
    login.touch();
    const to = frame.source === 'stderr' ? channel.stderr : channel;
    await write(to, Buffer.from(frame.data, 'base64'));
  }
  return undefined;
}

async function carryIn(
  channel: ServerChannel,
  stream: Stream,
  { login, terminal }: { readonly login: Login; readonly terminal: Size | undefined },
): Promise<void> {
  for await (const bytes of channel.iterator({ destroyOnReturn: false })) {
    login.touch();
    // All that waits comes as one piece.
    for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) {
      const piece = Buffer.from(bytes).subarray(at, at + PIECE_BYTES_MAX);
      await stream.send({ kind: 'input', data: piece.toString('base64') });
    }
  }
  // A terminal has no end of input but the key that says so, and would hang up.
  const end = { kind: 'input', data: Buffer.from(END_KEY).toString('base64') } as const;
  await stream.send(terminal === undefined ? { kind: 'end-of-input' } : end);
}

/** Copying with the old protocols is done by a program of the image, and this one has none. */
async function explain(channel: ServerChannel, { command }: Program): Promise<void> {
  const [, copier] = COPIERS.exec(command.at(-1) ?? '') ?? [];
  if (copier === undefined) return;
  const instead = copier === 'scp' ? 'scp without -O' : 'scp or sftp';
  await write(
    channel.stderr,
    Buffer.from(`orrery: the image of this session has no ${copier}; use ${instead} instead\r\n`),
  );
}

function finish(channel: ServerChannel, exitCode: number): void {
  channel.exit(exitCode);
  channel.end();
}

function write(to: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (!to.writable) return resolve();
    to.write(bytes, () => resolve());
    return undefined;
  });
}
