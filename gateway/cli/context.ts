import type { OrreryClient } from '../client/client.ts';
import type { Credentials } from '../client/credentials.ts';
import type { CliIo } from './io.ts';
import type { Output } from './output.ts';

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly profile?: string;
}

/** What a command works with. */
export interface CommandContext {
  readonly io: CliIo;
  readonly output: Output;
  /** Fires at the first interrupt, unless the command has claimed interrupts, and when output closes. */
  readonly signal: AbortSignal;
  readonly profilePath: string;
  /** The client of the profile. @throws {ProfileUnusable} */
  readonly client: () => Promise<OrreryClient>;
  /** A client for other credentials than those of the profile; closed with the command. */
  readonly clientOf: (endpoint: string, credentials: Credentials) => Promise<OrreryClient>;
  /** From now on interrupts go to the command alone. */
  readonly claimInterrupts: (listener: () => void) => void;
}
