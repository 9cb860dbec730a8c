import type { CommandContext, GlobalOptions } from '../context.ts';
import { OutcomeUnwanted } from '../errors.ts';
import { hasTerminal, sizeOf, usePipes, useTerminal } from '../keyboard.ts';
import { lookUpSession } from '../session-lookup.ts';

export interface ExecOptions extends GlobalOptions {
  /** False by `--no-terminal`. */
  readonly terminal: boolean;
}

const DEFAULT_COMMAND = ['sh'];

/** Ends with the program's exit code. JSON: output and exit, one a line, without a terminal. */
export async function exec(
  context: CommandContext,
  request: {
    readonly reference: string;
    readonly command: readonly string[];
    readonly options: ExecOptions;
  },
): Promise<number> {
  const { output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, request.reference, signal);
  const isInteractive = hasTerminal(context) && request.options.terminal;
  // Options end at the session's name, so a `--` after it arrives as if it were the program.
  const given = request.command[0] === '--' ? request.command.slice(1) : request.command;
  const command = given.length === 0 ? DEFAULT_COMMAND : given;
  const terminal = isInteractive ? sizeOf(context) : undefined;
  using channel = await client.exec({ id, command, terminal }, signal);
  using _ = isInteractive ? useTerminal(context, channel) : usePipes(context, channel);
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
