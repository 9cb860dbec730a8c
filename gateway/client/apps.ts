import type { Endpoint } from './endpoint.ts';
import type { GraphqlCaller } from './graphql.ts';
import { accepted, given } from './payload.ts';

export interface SessionApp {
  readonly name: string;
  readonly protocol: 'HTTP' | 'TCP' | 'PREOPEN' | 'VNC' | 'RDP' | 'INTERNAL';
  readonly ports: readonly number[];
  readonly source: 'IMAGE' | 'CATALOGUE' | 'SESSION';
  readonly state: 'STOPPED' | 'STARTING' | 'RUNNING';
  /** Whether something listens at its first port. */
  readonly isAnswering: boolean;
  readonly urlTemplate: string;
  readonly allowedArguments: readonly string[];
  readonly allowedEnviron: readonly string[];
  readonly lastEnd: { readonly exitCode: number | null; readonly said: string } | null;
}

export interface SessionApps {
  readonly apps: readonly SessionApp[];
  /** What is wrong with what the image says of its apps. */
  readonly faults: readonly string[];
}

export interface AppCall {
  readonly sessionId: string;
  readonly app: string;
  readonly arguments?: Readonly<Record<string, string | null | readonly string[]>> | undefined;
  readonly environ?: Readonly<Record<string, string>> | undefined;
}

export interface AppChange {
  readonly app: SessionApp;
  readonly hasChanged: boolean;
}

/** An address for a browser. */
export interface AppTicket {
  readonly url: string;
  readonly expiresAt: string;
}

/** Programs in sessions that are reached at a port. */
export class Apps {
  readonly #graphql: GraphqlCaller;
  readonly #endpoint: Endpoint;

  constructor(parts: { readonly graphql: GraphqlCaller; readonly endpoint: Endpoint }) {
    this.#graphql = parts.graphql;
    this.#endpoint = parts.endpoint;
  }

  async list(sessionId: string, signal?: AbortSignal): Promise<SessionApps> {
    const call = { operation: 'sessionApps', variables: { sessionId }, signal } as const;
    type Payload = { apps: readonly SessionApp[] | null; faults: readonly string[] | null };
    const { apps, faults } = accepted<Payload>(await this.#graphql.call(call));
    return { apps: given(apps), faults: given(faults) };
  }

  /** Resolves when its port answers. */
  async start(input: AppCall, signal?: AbortSignal): Promise<AppChange> {
    const call = { operation: 'startApp', variables: { input }, signal } as const;
    return changeOf(await this.#graphql.call(call));
  }

  /** Resolves when it is gone. */
  async stop(input: Pick<AppCall, 'sessionId' | 'app'>, signal?: AbortSignal): Promise<AppChange> {
    const call = { operation: 'stopApp', variables: input, signal } as const;
    return changeOf(await this.#graphql.call(call));
  }

  /** Starts it if need be. */
  async open(
    input: AppCall & { readonly path?: string | undefined },
    signal?: AbortSignal,
  ): Promise<AppTicket> {
    const call = { operation: 'openApp', variables: { input }, signal } as const;
    const { ticket } = accepted<{ ticket: AppTicket | null }>(await this.#graphql.call(call));
    const { url, expiresAt } = given(ticket);
    return { url: `${this.#endpoint.url}${url}`, expiresAt };
  }
}

function changeOf(payload: unknown): AppChange {
  const { app, hasChanged } = accepted<{ app: SessionApp | null; hasChanged: boolean | null }>(
    payload,
  );
  return { app: given(app), hasChanged: given(hasChanged) };
}
