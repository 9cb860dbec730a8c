import type { OrreryClient } from '../../client/client.ts';
import type { Session, SessionEvent } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { Interrupted, OutputClosed } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { sentenceOf, tracesOf } from '../failure.ts';
import { endingOf } from './run-ending.ts';
import type { CreateOptions } from './session-create.ts';
import { printChunk } from './session-logs.ts';
import { requestOf } from './session-request.ts';
import { wordReason } from './session-view.ts';

/** A session that waits for longer than this is said to wait, and why. */
const WAITING_TOLD_AFTER_MS = 3_000;
/** After the session's end, its output is waited for as long as some comes within this time. */
const OUTPUT_QUIET_MS_MAX = 30_000;

/** Runs a batch session to its end. @returns the program's exit code, or 125, or 130. */
export async function run(
  context: CommandContext,
  command: readonly string[],
  options: CreateOptions,
): Promise<number> {
  const { io, output } = context;
  const stops = new Stops(context);
  try {
    const client = await context.client();
    stops.useClient(client);
    const { session } = await client.createSession(requestOf(command, options), stops.givenUp);
    stops.useSession(session);
    const last = await watch(context, { client, session, stops });
    await stops.settled();
    const ending = endingOf(last, { wasInterrupted: stops.count > 0 });
    if (output.isJson) await output.element({ kind: 'session', session: last }, () => '');
    if (ending.sentence !== undefined) await output.note(`orrery: ${ending.sentence}`);
    return ending.exitCode;
  } catch (error) {
    if (error instanceof OutputClosed) {
      await stops.endSession();
      throw error;
    }
    const isDebugged = io.env['ORRERY_DEBUG'] === '1';
    await output.note(isDebugged ? tracesOf(error) : sentenceOf(error));
    return error instanceof Interrupted ? exitCodes.interrupted : exitCodes.notRun;
  }
}

interface Watched {
  readonly client: OrreryClient;
  readonly session: Session;
  readonly stops: Stops;
}

/** Streams the output while the session lives. @returns the session when it is over. */
async function watch(context: CommandContext, watched: Watched): Promise<Session> {
  const { client, session, stops } = watched;
  using waiting = tellIfWaiting(context, watched);
  let printing: Printing | undefined;
  for await (const event of client.sessionEvents({ id: session.id }, stops.givenUp)) {
    if (context.output.isJson) await context.output.element({ kind: 'event', event }, () => '');
    if (hasContainer(event)) {
      waiting[Symbol.dispose]();
      printing ??= startPrinting(context, watched);
    }
    printing?.throwIfBroken();
  }
  const last = (await client.findSession(session.id, stops.givenUp)) ?? session;
  const failure = await printing?.finish();
  if (failure !== undefined) {
    await context.output.note(`The end of the output could not be read: ${sentenceOf(failure)}`);
  }
  return last;
}

/** From this event on there is, or was, a program that may have printed something. */
function hasContainer({ status, kernelStatus }: SessionEvent): boolean {
  return status === 'RUNNING' || kernelStatus === 'RUNNING' || kernelStatus === 'TERMINATED';
}

interface Printing {
  /** @throws {OutputClosed} when nobody reads any more: there is nothing to run for. */
  throwIfBroken(): void;
  /** Waits for the rest. Gives why it did not come, when it did not. */
  finish(): Promise<unknown>;
}

function startPrinting(context: CommandContext, { client, session, stops }: Watched): Printing {
  const { clock } = context.io;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, stops.givenUp]);
  let chunks = 0;
  let failure: unknown;
  const print = async (): Promise<'done'> => {
    const position = { id: session.id, offset: 0, follow: 'until-end' } as const;
    try {
      for await (const chunk of client.sessionLogs(position, signal)) {
        chunks += 1;
        await printChunk(chunk, context.output);
      }
    } catch (error) {
      failure = error;
      if (error instanceof OutputClosed) stops.giveUp(error);
    }
    return 'done';
  };
  const printed = print();
  const throwIfBroken = (): void => {
    if (failure instanceof OutputClosed) throw failure;
  };
  return {
    throwIfBroken,
    async finish() {
      for (;;) {
        const before = chunks;
        const finished = new AbortController();
        const quiet = clock.sleep(OUTPUT_QUIET_MS_MAX, finished.signal).catch(() => undefined);
        const isDone = await Promise.race([printed, quiet]);
        finished.abort();
        if (isDone === undefined && chunks > before) continue;
        stop.abort(new Interrupted('nothing more of it came'));
        throwIfBroken();
        return isDone === undefined ? stop.signal.reason : failure;
      }
    },
  };
}

/** One look, once, at what keeps a session waiting. */
function tellIfWaiting(context: CommandContext, { client, session, stops }: Watched): Disposable {
  const { io, output } = context;
  const finished = new AbortController();
  const tell = async (): Promise<void> => {
    try {
      await io.clock.sleep(WAITING_TOLD_AFTER_MS, finished.signal);
      const now = await client.findSession(session.id, stops.givenUp);
      if (now === undefined || finished.signal.aborted) return;
      const why = wordReason(now);
      await output.note(
        `Session ${now.name} is ${now.status}${why === undefined ? '' : `: ${why}`}`,
      );
    } catch (error) {
      // A courtesy: whatever keeps it from being told keeps the watching from going on, and is told there.
      if (!(error instanceof Error)) throw error;
    }
  };
  const told = tell();
  return {
    [Symbol.dispose]() {
      finished.abort();
      told.catch(() => undefined);
    },
  };
}

const DOING = {
  GRACEFUL: 'Interrupted (again: force): ending',
  FORCE: 'Forcing the end of',
} as const;

/** What interrupts lead to: the first ends the session in good order, the next forces, a third gives up. */
class Stops {
  readonly #context: CommandContext;
  readonly #giveUp = new AbortController();
  #client: OrreryClient | undefined;
  #session: Session | undefined;
  #asked: Promise<void> = Promise.resolve();
  count = 0;

  constructor(context: CommandContext) {
    this.#context = context;
    context.claimInterrupts(() => this.#interrupt());
  }

  /** Fires when nothing more is to be waited for. */
  get givenUp(): AbortSignal {
    return this.#giveUp.signal;
  }

  giveUp(reason: Error): void {
    this.#giveUp.abort(reason);
  }

  useClient(client: OrreryClient): void {
    this.#client = client;
  }

  /** An interrupt that came while the session was being created is carried out now. */
  useSession(session: Session): void {
    this.#session = session;
    if (this.count > 0) this.#terminate(this.count === 1 ? 'GRACEFUL' : 'FORCE');
  }

  /** Resolves when the last request to end the session was answered. */
  async settled(): Promise<void> {
    await this.#asked;
  }

  async endSession(): Promise<void> {
    if (this.#session === undefined) return;
    this.#terminate('GRACEFUL', 'Nobody reads the output any more: ending');
    await this.#asked;
  }

  #interrupt(): void {
    this.count += 1;
    if (this.count > 2 || (this.count === 2 && this.#session === undefined)) {
      this.giveUp(new Interrupted('interrupted; the session may go on'));
    } else {
      this.#terminate(this.count === 1 ? 'GRACEFUL' : 'FORCE');
    }
  }

  #terminate(mode: 'GRACEFUL' | 'FORCE', doing: string = DOING[mode]): void {
    const client = this.#client;
    const session = this.#session;
    const earlier = this.#asked;
    if (client === undefined || session === undefined) return;
    const terminate = async (): Promise<void> => {
      const { output } = this.#context;
      try {
        await output.note(`${doing} session ${session.name}.`);
        await Promise.all([earlier, client.terminateSession({ id: session.id, mode })]);
      } catch (error) {
        await output.note(sentenceOf(error));
      }
    };
    this.#asked = terminate();
  }
}
