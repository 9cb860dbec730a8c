import type { ExecChannel } from '../../client/exec-channel.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { OutcomeUnwanted } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';

export interface ExecOptions extends GlobalOptions {
  /** False by `--no-terminal`. */
  readonly terminal: boolean;
}

const DEFAULT_COMMAND = ['sh'];
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** Ends with the program's exit code. JSON: output and exit, one a line, without a terminal. */
export async function exec(
  context: CommandContext,
  request: {
    readonly reference: string;
    readonly command: readonly string[];
    readonly options: ExecOptions;
  },
): Promise<number> {
  const { io, output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, request.reference, signal);
  const hasTerminal =
    io.stdin.isTTY === true &&
    io.stdout.isTTY === true &&
    !output.isJson &&
    request.options.terminal;
  // Options end at the session's name, so a `--` after it arrives as if it were the program.
  const given = request.command[0] === '--' ? request.command.slice(1) : request.command;
  const command = given.length === 0 ? DEFAULT_COMMAND : given;
  const terminal = hasTerminal ? sizeOf(context) : undefined;
  using channel = await client.exec({ id, command, terminal }, signal);
  using _ = hasTerminal ? useTerminal(context, channel) : usePipes(context, channel);
  for await (const frame of channel.frames) {
    if (frame.kind === 'exit') return await ended(frame.exitCode, context);
    if (output.isJson) {
      const data = Buffer.from(frame.data).toString('base64');
      await output.element({ kind: 'output', source: frame.source, data }, () => '');
    } else {
      await output.bytes(frame.data, frame.source);
    }
  }
  throw new OutcomeUnwanted('exit-unknown', 'the program ended without telling how');
}

async function ended(exitCode: number | null, { output }: CommandContext): Promise<number> {
  if (output.isJson) await output.element({ kind: 'exit', exitCode }, () => '');
  if (exitCode !== null) return exitCode;
  throw new OutcomeUnwanted('exit-unknown', 'the program ended without an exit code');
}

function sizeOf({ io }: CommandContext): { readonly columns: number; readonly rows: number } {
  return {
    columns: io.stdout.columns || DEFAULT_SIZE.columns,
    rows: io.stdout.rows || DEFAULT_SIZE.rows,
  };
}

/** Every key goes to the program, Ctrl-C too; the terminal is given back as it was. */
function useTerminal(context: CommandContext, channel: ExecChannel): Disposable {
  const { stdin, stdout } = context.io;
  const resize = (): void => {
    const { columns, rows } = sizeOf(context);
    channel.resize(columns, rows);
  };
  stdin.setRawMode?.(true);
  stdout.on('resize', resize);
  const input = pump(context, channel);
  return {
    [Symbol.dispose]() {
      input[Symbol.dispose]();
      stdout.off('resize', resize);
      stdin.setRawMode?.(false);
    },
  };
}

function usePipes(context: CommandContext, channel: ExecChannel): Disposable {
  return pump(context, channel);
}

/** Standard input to the program, no faster than it leaves. */
function pump({ io: { stdin } }: CommandContext, channel: ExecChannel): Disposable {
  const take = (chunk: Buffer | string): void => {
    stdin.pause();
    channel.write(Buffer.from(chunk), () => {
      if (!isOver) stdin.resume();
    });
  };
  const end = (): void => {
    channel.endInput();
  };
  let isOver = false;
  stdin.on('data', take);
  stdin.once('end', end);
  stdin.resume();
  return {
    [Symbol.dispose]() {
      isOver = true;
      stdin.off('data', take);
      stdin.off('end', end);
      stdin.pause();
    },
  };
}
