/** How `start` speaks to the person who gave the command. */
export interface Reporter {
  /** A line for people. */
  say(line: string): void;
  /** Everything runs at this address. */
  ready(url: string): void;
  /** Resolves when all that was said has left this process. */
  flush(): Promise<void>;
}

const terminal: Reporter = {
  say: (line) => {
    process.stderr.write(`${line}\n`);
  },
  ready: (url) => {
    process.stdout.write(`ready ${url}\n`);
  },
  flush: () => new Promise((resolve) => process.stderr.write('', () => resolve())),
};

/** What a detached supervisor sends to the command that started it. */
export type Notice =
  | { readonly type: 'say'; readonly line: string }
  | { readonly type: 'ready'; readonly url: string };

/** Set for the supervisor that a `--detach` leaves in the background. */
export const DETACHED_VARIABLE = 'ORRERY_DETACHED';

/**
 * The reporter of this process. Forgets why, so that no process started from here takes itself for a
 * detached supervisor.
 */
export function chooseReporter(): Reporter {
  const isDetached = process.env[DETACHED_VARIABLE] === '1' && process.connected;
  delete process.env[DETACHED_VARIABLE];
  return isDetached ? parentProcess : terminal;
}

/** Speaks through the command that started this process, for as long as that listens. */
export const parentProcess: Reporter = {
  say: (line) => send({ type: 'say', line }),
  ready: (url) => send({ type: 'ready', url }),
  flush: async () => {
    await Promise.all(parting);
  },
};

const parting: Promise<void>[] = [];

function send(notice: Notice): void {
  // Nobody listens once the command has returned; then the log alone has the line.
  if (!process.connected) return;
  parting.push(new Promise((resolve) => process.send?.(notice, () => resolve())));
}
