import type { Clock } from '@orrery/bus/clock';
import { type Endpoint, webSocketUrl } from './endpoint.ts';
import type { Files } from './files.ts';
import type { GraphqlCaller } from './graphql.ts';
import type { ExecTicket } from './model.ts';
import type { Patience } from './patience.ts';
import { accepted, given } from './payload.ts';
import { createTerminalChannel, type TerminalChannel } from './terminal-channel.ts';

export interface TerminalRequest {
  readonly sessionId: string;
  /** `main` when absent. */
  readonly terminal?: string | undefined;
  readonly mode?: 'READ_WRITE' | 'READ_ONLY' | undefined;
  readonly isRecorded?: boolean | undefined;
}

export interface TerminalRecording {
  readonly name: string;
  readonly terminal: string;
  readonly startedAt: string;
  readonly sizeBytes: number;
}

type Size = { readonly columns: number; readonly rows: number } | undefined;

interface Parts {
  readonly graphql: GraphqlCaller;
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly patience: Patience;
  readonly files: Files;
}

/** Terminals of sessions, whose shells live on when nobody looks at them. */
export class Terminals {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Nothing is sent before its frames are read. */
  open(input: TerminalRequest, size: Size, signal?: AbortSignal): TerminalChannel {
    const { graphql, endpoint } = this.#parts;
    const address = async (): Promise<string> => {
      const call = { operation: 'openTerminal', variables: { input }, signal } as const;
      return webSocketUrl(endpoint, ticketOf(await graphql.call(call)).url);
    };
    return this.#channel(address, size, signal);
  }

  /** Looks on with an address that somebody shared. */
  watch(address: string, signal?: AbortSignal): TerminalChannel {
    return this.#channel(async () => address, undefined, signal);
  }

  /** The address to give to who is to look on. */
  async share(
    input: Pick<TerminalRequest, 'sessionId' | 'terminal'> & { readonly validSeconds: number },
    signal?: AbortSignal,
  ): Promise<ExecTicket> {
    const { graphql, endpoint } = this.#parts;
    const call = { operation: 'shareTerminal', variables: { input }, signal } as const;
    const { url, expiresAt } = ticketOf(await graphql.call(call));
    return { url: webSocketUrl(endpoint, url), expiresAt };
  }

  async recordings(sessionId: string, signal?: AbortSignal): Promise<readonly TerminalRecording[]> {
    const call = { operation: 'terminalRecordings', variables: { sessionId }, signal } as const;
    const payload = await this.#parts.graphql.call(call);
    const { recordings } = accepted<{ recordings: readonly TerminalRecording[] | null }>(payload);
    return given(recordings);
  }

  /** As asciicast version 2. */
  recording(
    { sessionId, name }: { readonly sessionId: string; readonly name: string },
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    const path = `/recordings/${encodeURIComponent(sessionId)}/${encodeURIComponent(name)}`;
    return this.#parts.files.read(path, signal);
  }

  #channel(
    address: () => Promise<string>,
    size: Size,
    signal: AbortSignal | undefined,
  ): TerminalChannel {
    const { clock, patience } = this.#parts;
    return createTerminalChannel({ clock, patience, address, size, signal });
  }
}

function ticketOf(payload: unknown): ExecTicket {
  return given(accepted<{ ticket: ExecTicket | null }>(payload).ticket);
}
