import type { OrreryClient } from '../client/client.ts';
import type { CommandContext, GlobalOptions } from './context.ts';
import { Interrupted, OutputClosed } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { exitCodeOf, sentenceOf, tracesOf } from './failure.ts';
import type { CliIo } from './io.ts';
import type { Perform } from './options.ts';
import { Output } from './output.ts';
import { profilePath, readProfile } from './profile.ts';
import { declareProgram, globalOptionsOf } from './program.ts';

/** A gateway under a supervisor is back in a second or two; a missing one should be told soon. */
const PATIENCE = { firstContactMs: 2_000, outageMs: 120_000 };

/** Runs one command line to its end. @returns the exit code of the process. */
export async function runCli(io: CliIo): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const perform: Perform = async (command, work) => {
    await using opened = openContext(io, globalOptionsOf(command));
    exitCode = (await work(opened.context)) ?? exitCodes.ok;
  };
  const program = declareProgram(io, perform);
  try {
    const argv = io.argv[0] === '--version' ? ['version', ...io.argv.slice(1)] : io.argv;
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return await report(io, error);
  }
}

interface OpenedContext extends AsyncDisposable {
  readonly context: CommandContext;
}

function openContext(io: CliIo, options: GlobalOptions): OpenedContext {
  const stop = new AbortController();
  const clients: OrreryClient[] = [];
  let interrupted = (): void => stop.abort(new Interrupted('interrupted'));
  io.onInterrupt(() => interrupted());
  io.stdout.on('error', (cause: Error) => {
    if ('code' in cause && cause.code === 'EPIPE') {
      stop.abort(new OutputClosed('nobody reads the output any more', { cause }));
    }
  });
  const path = profilePath(options.profile, io);
  const clientOf: CommandContext['clientOf'] = async (endpoint, credentials) => {
    const { connect } = await import('../client/client.ts');
    const client = connect({ endpoint, ...credentials, patience: PATIENCE, clock: io.clock });
    clients.push(client);
    return client;
  };
  return {
    context: {
      io,
      output: new Output(io, options.json === true ? 'json' : 'text'),
      signal: stop.signal,
      profilePath: path,
      client: async () => {
        const { endpoint, credentials } = await readProfile(path);
        return clientOf(endpoint, credentials);
      },
      clientOf,
      claimInterrupts: (listener) => {
        interrupted = listener;
      },
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    },
  };
}

async function report(io: CliIo, error: unknown): Promise<number> {
  const { CommanderError } = await import('commander');
  // Commander has written its own help or sentence by now.
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (!(error instanceof OutputClosed)) {
    const isDebugged = io.env['ORRERY_DEBUG'] === '1';
    io.stderr.write(`${isDebugged ? tracesOf(error) : sentenceOf(error)}\n`);
  }
  return exitCodeOf(error);
}
