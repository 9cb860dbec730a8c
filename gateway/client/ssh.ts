import type { Duplex } from 'node:stream';
import type { Endpoint } from './endpoint.ts';
import type { GraphqlCaller } from './graphql.ts';
import type { ExecTicket } from './model.ts';
import { accepted, given, shaped } from './payload.ts';

/** A public key with which its user signs in over SSH. */
export interface SshKey {
  /** As ssh-keygen -l shows it. */
  readonly fingerprint: string;
  readonly algorithm: string;
  readonly publicKey: string;
  readonly label: string;
  readonly addedAt: string;
}

export interface SshServer {
  /** Null: where the gateway is. */
  readonly host: string | null;
  readonly port: number;
  /** As in `known_hosts` after the name. */
  readonly hostKeys: readonly string[];
}

type KeyPayload = { readonly sshKey: SshKey | null };

/** SSH keys of users, and connections to ports of sessions. */
export class Ssh {
  readonly #graphql: GraphqlCaller;
  readonly #endpoint: Endpoint;

  constructor(parts: { readonly graphql: GraphqlCaller; readonly endpoint: Endpoint }) {
    this.#graphql = parts.graphql;
    this.#endpoint = parts.endpoint;
  }

  /** Your own, or those of another user. */
  async keys(userId?: string, signal?: AbortSignal): Promise<readonly SshKey[]> {
    return shaped(
      await this.#graphql.call({ operation: 'sshKeys', variables: { userId }, signal }),
    );
  }

  /** `publicKey` as in a file `.pub`; the label is its comment when left out. */
  async addKey(
    input: { readonly publicKey: string; readonly label?: string | undefined },
    signal?: AbortSignal,
  ): Promise<SshKey> {
    const call = { operation: 'addSshKey', variables: { input }, signal } as const;
    return given(accepted<KeyPayload>(await this.#graphql.call(call)).sshKey);
  }

  async labelKey(
    key: { readonly fingerprint: string; readonly label: string },
    signal?: AbortSignal,
  ): Promise<SshKey> {
    const call = { operation: 'labelSshKey', variables: { ...key }, signal } as const;
    return given(accepted<KeyPayload>(await this.#graphql.call(call)).sshKey);
  }

  /** The key as it was; connections that were made with it are ended. */
  async removeKey(
    key: { readonly fingerprint: string; readonly userId?: string | undefined },
    signal?: AbortSignal,
  ): Promise<SshKey> {
    const call = { operation: 'removeSshKey', variables: { ...key }, signal } as const;
    return given(accepted<KeyPayload>(await this.#graphql.call(call)).sshKey);
  }

  /** Undefined where sessions are not reached over SSH. */
  async server(signal?: AbortSignal): Promise<SshServer | undefined> {
    const answer = await this.#graphql.call({ operation: 'sshServer', signal });
    return shaped<SshServer | null>(answer) ?? undefined;
  }

  /**
   * A connection to what listens at a port inside the session. Either side may end first; whoever opens it destroys it.
   * @throws {GatewayFailed} when nothing listens there, {GatewayUnreachable} when the gateway is away.
   */
  async openPort(
    input: { readonly sessionId: string; readonly port: number },
    signal?: AbortSignal,
  ): Promise<Duplex> {
    const call = { operation: 'forwardPort', variables: { input }, signal } as const;
    const payload = accepted<{ ticket: ExecTicket | null }>(await this.#graphql.call(call));
    const { openPortStream } = await import('./port-stream.ts');
    return openPortStream(this.#endpoint, given(payload.ticket).url);
  }
}
