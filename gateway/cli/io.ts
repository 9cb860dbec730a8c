import type { Readable, Writable } from 'node:stream';
import type { Clock } from '@orrery/bus/clock';

export interface TerminalInput extends Readable {
  readonly isTTY?: boolean;
  readonly setRawMode?: (mode: boolean) => unknown;
}

export interface TerminalOutput extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Everything that a command line touches of the process it runs in. */
export interface CliIo {
  /** Without the program's own name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
  readonly clock: Clock;
  /** Calls back at every Ctrl-C, termination signal and hang-up. */
  readonly onInterrupt: (listener: () => void) => void;
}
