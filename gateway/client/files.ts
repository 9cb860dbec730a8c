import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TokenSource } from './credentials.ts';
import type { Endpoint } from './endpoint.ts';
import { SignInRefused } from './errors.ts';
import type { GraphqlCaller } from './graphql.ts';
import { unreachableFrom } from './http.ts';
import { accepted, given } from './payload.ts';
import { failureOfResponse, parseBody } from './response.ts';

const ANSWER_BYTES_MAX = 64 * 1024;

export interface FileEntry {
  readonly name: string;
  readonly kind: 'FILE' | 'DIRECTORY' | 'LINK' | 'OTHER';
  readonly mode: string;
  readonly sizeBytes: number;
  readonly modifiedAt: string;
  readonly accessedAt: string;
  readonly changedAt: string;
  readonly target: string | null;
}

export interface FileList {
  readonly entries: readonly FileEntry[];
  readonly isCut: boolean;
  readonly directory: string;
}

export interface FilesWritten {
  readonly files: number;
  readonly bytes: number;
}

/** Which content: of one file, or as a tar. */
export interface FilePlace {
  readonly sessionId: string;
  readonly paths: readonly string[];
  readonly form: 'bytes' | 'tar';
}

interface Parts {
  readonly graphql: GraphqlCaller;
  readonly endpoint: Endpoint;
  readonly tokens: TokenSource;
}

/** Files in the working directory of a session. */
export class Files {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async list(
    variables: { readonly sessionId: string; readonly path: string },
    signal?: AbortSignal,
  ): Promise<FileList> {
    const call = { operation: 'sessionFiles', variables, signal } as const;
    const payload = await this.#parts.graphql.call(call);
    return given(accepted<{ list: FileList | null }>(payload).list);
  }

  /** Not sent again when its answer is lost: a second time it would not be found. */
  async remove(
    variables: {
      readonly sessionId: string;
      readonly path: string;
      readonly isRecursive: boolean;
    },
    signal?: AbortSignal,
  ): Promise<void> {
    const delivery = 'once' as const;
    const call = { operation: 'removeSessionFile', variables, delivery, signal } as const;
    accepted(await this.#parts.graphql.call(call));
  }

  async rename(
    variables: { readonly sessionId: string; readonly from: string; readonly to: string },
    signal?: AbortSignal,
  ): Promise<void> {
    const delivery = 'once' as const;
    const call = { operation: 'renameSessionFile', variables, delivery, signal } as const;
    accepted(await this.#parts.graphql.call(call));
  }

  /** Content as it comes, no faster than it is taken. */
  download(place: FilePlace, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
    return this.read(pathOf(place), signal);
  }

  /** Whatever the gateway gives there, as it comes. */
  async *read(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const response = await this.#send('GET', { path, type: '', content: undefined, signal });
    try {
      for await (const piece of response) yield piece;
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreachableFrom(cause, this.#parts.endpoint);
    } finally {
      response.destroy();
    }
  }

  /** To one file, or as a tar into one directory. */
  async upload(
    place: FilePlace,
    content: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<FilesWritten> {
    const type = place.form === 'tar' ? 'application/x-tar' : 'application/octet-stream';
    const response = await this.#send('PUT', { path: pathOf(place), type, content, signal });
    const body = parseBody({ status: response.statusCode ?? 0, body: await textOf(response) });
    // The gateway writes it by the same contract.
    return body as FilesWritten;
  }

  async #send(method: 'GET' | 'PUT', request: Sent): Promise<IncomingMessage> {
    const { tokens } = this.#parts;
    const token = await tokens.token(request.signal);
    try {
      return await this.#sendOnce(method, request, token);
    } catch (error) {
      // Content is sent once; without any, a token that ended early is renewed.
      if (!(error instanceof SignInRefused) || request.content !== undefined) throw error;
      if (!tokens.renew(token)) throw error;
      return this.#sendOnce(method, request, await tokens.token(request.signal));
    }
  }

  async #sendOnce(
    method: 'GET' | 'PUT',
    { path, type, content, signal }: Sent,
    token: string | undefined,
  ): Promise<IncomingMessage> {
    const { endpoint } = this.#parts;
    const http = endpoint.isSecure ? await import('node:https') : await import('node:http');
    signal?.throwIfAborted();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = http.request(`${endpoint.url}${path}`, {
        method,
        headers: {
          host: endpoint.host,
          ...(content === undefined ? {} : { 'content-type': type }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(signal === undefined ? {} : { signal }),
      });
      outgoing.on('response', resolve);
      outgoing.on('error', (cause) =>
        reject(signal?.aborted ? signal.reason : unreachableFrom(cause, endpoint)),
      );
      if (content === undefined) outgoing.end();
      // A refusal ends the connection before all is sent; then the answer tells why.
      else pipeline(Readable.from(content), outgoing).catch(() => undefined);
    });
    if (response.statusCode === 200) return response;
    const refusal = { status: response.statusCode ?? 0, body: await textOf(response) };
    throw failureOfResponse(refusal, 'files');
  }
}

interface Sent {
  readonly path: string;
  /** Of the content. */
  readonly type: string;
  readonly content: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal | undefined;
}

function pathOf({ sessionId, paths, form }: FilePlace): string {
  const query = new URLSearchParams(paths.map((path): [string, string] => ['path', path]));
  if (form === 'tar') query.set('archive', 'tar');
  return `/files/${encodeURIComponent(sessionId)}?${query}`;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (text.length > ANSWER_BYTES_MAX) break;
  }
  return text;
}
