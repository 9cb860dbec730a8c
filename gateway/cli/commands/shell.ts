import { randomBytes } from 'node:crypto';
import type { TerminalChannel, TerminalFrame } from '../../client/terminal-channel.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { OutcomeUnwanted } from '../errors.ts';
import { hasTerminal, sizeOf, type TypedInto, usePipes, useTerminal } from '../keyboard.ts';
import { lookUpSession } from '../session-lookup.ts';
import { tableLines } from '../table.ts';
import { wordBytes, wordInstant } from '../wording.ts';

export interface ShellOptions extends GlobalOptions {
  readonly terminal?: string;
  readonly readOnly?: boolean;
  readonly record?: boolean;
  /** How long others may look on; then no terminal is opened. Seconds. */
  readonly share?: number;
}

/** Ctrl-], as in telnet: the shell goes on, this command does not. */
const LEAVE = 0x1d;
const INTERRUPT = 0x03;
const LINE_END = 0x0a;
/** A shell that was not yet at its prompt did not take the end of the input for one. Milliseconds. */
const END_AGAIN_MS = 500;
const END_OF_INPUT = 0x04;
/** Puts a terminal back to how it was before anything was shown. */
const RESET = '\x1bc';

/** Ends with the exit code of the shell. JSON: what is shown, and the exit, one a line. */
export async function openShell(
  context: CommandContext,
  reference: string,
  options: ShellOptions,
): Promise<number | undefined> {
  const client = await context.client();
  const { signal } = context;
  if (/^wss?:\/\//.test(reference)) {
    using channel = client.terminals.watch(reference, signal);
    return await show(context, channel, 'read-only');
  }
  const { id: sessionId, name } = await lookUpSession(client, reference, signal);
  const isInteractive = hasTerminal(context);
  const { share, readOnly, record } = options;
  const terminal =
    options.terminal ?? (isInteractive || readOnly || share !== undefined ? 'main' : ownName());
  if (share !== undefined) {
    const asked = { sessionId, terminal, validSeconds: share };
    const ticket = await client.terminals.share(asked, signal);
    await context.output.result(ticket, () => [ticket.url]);
    return undefined;
  }
  const mode = readOnly ? 'READ_ONLY' : 'READ_WRITE';
  const isRecorded = record === true;
  const size = isInteractive && !readOnly ? sizeOf(context) : undefined;
  using channel = client.terminals.open({ sessionId, terminal, mode, isRecorded }, size, signal);
  const end = await show(context, channel, readOnly ? 'read-only' : 'read-write');
  if (end === undefined)
    await context.output.note(`The shell goes on; orrery shell ${name} goes back to it.`);
  return end;
}

/** What is piped is for nobody else to see or to end. */
function ownName(): string {
  return `pipe-${randomBytes(6).toString('hex')}`;
}

/** Undefined: it was left. */
async function show(
  context: CommandContext,
  channel: TerminalChannel,
  mode: 'read-only' | 'read-write',
): Promise<number | undefined> {
  const { output } = context;
  const over = new AbortController();
  const leaving = Promise.withResolvers<undefined>();
  const into = typedInto(channel, mode, {
    leave: () => leaving.resolve(undefined),
    end: (lastByte) => void endInput(context, { channel, lastByte }, over.signal),
  });
  const isInteractive = hasTerminal(context);
  const showing = showAll(context, channel.frames, isInteractive);
  showing.catch(() => undefined);
  try {
    using _ = isInteractive ? useTerminal(context, into) : usePipes(context, into);
    const exit = await Promise.race([showing, leaving.promise]);
    if (exit === undefined) return undefined;
    if (output.isJson) await output.element(exit, () => '');
    if (exit.exitCode !== null) return exit.exitCode;
    throw new OutcomeUnwanted('exit-unknown', 'the shell ended without telling how');
  } finally {
    over.abort();
  }
}

function typedInto(
  channel: TerminalChannel,
  mode: 'read-only' | 'read-write',
  told: { readonly leave: () => void; readonly end: (lastByte: number | undefined) => void },
): TypedInto {
  let lastByte: number | undefined;
  const write = (bytes: Uint8Array, onSent?: () => void): void => {
    lastByte = bytes.at(-1) ?? lastByte;
    if (mode === 'read-write' && bytes.length > 0) channel.write(bytes, onSent);
    else onSent?.();
  };
  return {
    write(bytes, onSent) {
      const isLeft = (byte: number): boolean =>
        byte === LEAVE || (mode === 'read-only' && byte === INTERRUPT);
      const at = bytes.findIndex(isLeft);
      if (at < 0) return write(bytes, onSent);
      write(bytes.subarray(0, at), told.leave);
    },
    endInput() {
      if (mode === 'read-write') told.end(lastByte);
    },
    resize(columns, rows) {
      if (mode === 'read-write') channel.resize(columns, rows);
    },
  };
}

/** As a person would end it, for a terminal has no other end of input: until the shell takes it. */
async function endInput(
  { io }: CommandContext,
  {
    channel,
    lastByte,
  }: { readonly channel: TerminalChannel; readonly lastByte: number | undefined },
  over: AbortSignal,
): Promise<void> {
  if (lastByte !== undefined && lastByte !== LINE_END) channel.write(Buffer.from([LINE_END]));
  while (!over.aborted) {
    channel.write(Buffer.from([END_OF_INPUT]));
    await io.clock.sleep(END_AGAIN_MS, over).catch(() => undefined);
  }
}

type Exit = Extract<TerminalFrame, { readonly kind: 'exit' }>;

async function showAll(
  { output }: CommandContext,
  frames: AsyncIterable<TerminalFrame>,
  isInteractive: boolean,
): Promise<Exit> {
  let isFirst = true;
  for await (const frame of frames) {
    if (frame.kind === 'exit') return frame;
    if (frame.kind === 'attached') {
      if (output.isJson) await output.element(frame, () => '');
      else if (isInteractive && !isFirst && !frame.isContinued) await output.bytes(RESET, 'stdout');
      isFirst = false;
    } else if (output.isJson) {
      const data = Buffer.from(frame.data).toString('base64');
      await output.element({ kind: 'output', data }, () => '');
    } else {
      await output.bytes(frame.data, 'stdout');
    }
  }
  throw new OutcomeUnwanted('exit-unknown', 'the terminal ended without telling how');
}

/** Without a name: which there are. */
export async function showRecordings(
  context: CommandContext,
  reference: string,
  name: string | undefined,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, reference, signal);
  if (name !== undefined) {
    for await (const bytes of client.terminals.recording({ sessionId, name }, signal))
      await output.bytes(bytes, 'stdout');
    return;
  }
  const recordings = await client.terminals.recordings(sessionId, signal);
  const { width } = output;
  await output.result(recordings, () =>
    tableLines(
      recordings,
      [
        { title: 'RECORDING', cell: (each) => each.name },
        { title: 'TERMINAL', cell: (each) => each.terminal },
        { title: 'STARTED', cell: (each) => wordInstant(each.startedAt) },
        { title: 'SIZE', cell: (each) => wordBytes(each.sizeBytes), side: 'right' },
      ],
      { width, overflow: 'keep' },
    ),
  );
}
