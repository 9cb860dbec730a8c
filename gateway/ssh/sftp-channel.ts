import { posix } from 'node:path';
import {
  agentLive,
  type Duplex,
  type FileAnswer,
  type FileOperation,
  FilePath,
  OrreryError,
  openDuplex,
  type SessionUse,
  type StreamInput,
  StreamOutput,
} from '@orrery/bus';
import type { SFTPWrapper } from 'ssh2';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { noteUse } from '../inside/note-use.ts';
import type { Login } from './login.ts';
import { registerRequests } from './sftp-requests.ts';

type Stream = Duplex<StreamOutput, StreamInput>;

/** Questions of one client that wait for their answers; OpenSSH asks 64 at once. */
const WAITING_MAX = 512;
const FAILED = 1;

/** What SFTP is asked, as questions to the agent of the kernel. */
export interface SftpFiles {
  /** Resolves when the working directory is known. */
  ready(): Promise<void>;
  /** The working directory, as programs see it. */
  readonly home: string;
  /** Below the working directory. @throws {RequestFailed} for what leads out of it. */
  pathOf(path: string): string;
  /** @throws {RequestFailed} as the agent refuses it. */
  ask(operation: FileOperation): Promise<Exclude<FileAnswer, { readonly failure: unknown }>>;
  /** Written down before it is done. @throws as `noteUse` */
  note(use: SessionUse): Promise<void>;
}

/** Serves SFTP on the files of the kernel until either side has gone. */
export async function serveSftp(gateway: Gateway, login: Login, sftp: SFTPWrapper): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort(new Error('the client has gone'));
  // The channel is closed from here only.
  sftp.once('end', () => {
    end();
    close(sftp, 0);
  });
  sftp.once('close', end);
  sftp.on('error', (err: unknown) => {
    gateway.logger.debug({ err }, 'SFTP failed');
    end();
  });
  const signal = AbortSignal.any([over.signal, login.closed]);
  const files = new AgentFiles(gateway, login);
  // Requests come at once; they wait until there is somebody to ask.
  registerRequests(sftp, files);
  try {
    const { kernel, node } = login.who.kernel;
    await using stream: Stream = await openDuplex<StreamOutput, StreamInput>(
      gateway.bus.live,
      agentLive.streams(node),
      { kind: 'open-files', kernel },
      { clock: gateway.clock, incoming: StreamOutput, signal },
    );
    await files.serve(stream);
  } catch (error) {
    files.fail(error);
    if (!signal.aborted && !(error instanceof OrreryError))
      gateway.logger.error({ err: error }, 'SFTP failed');
  }
  if (!over.signal.aborted) close(sftp, FAILED);
}

/** What the library keeps to itself: it has no call to tell how a subsystem ended, which `scp` asks for. */
const Inner = z.object({
  outgoing: z.object({ id: z.int(), state: z.string() }),
  _protocol: z.custom<{ exitStatus(channel: number, code: number): void }>(
    (protocol) =>
      typeof protocol === 'object' &&
      protocol !== null &&
      'exitStatus' in protocol &&
      typeof protocol.exitStatus === 'function',
  ),
});

function close(sftp: SFTPWrapper, exitCode: number): void {
  const inner = Inner.safeParse(sftp).data;
  if (inner?.outgoing.state === 'open') inner._protocol.exitStatus(inner.outgoing.id, exitCode);
  sftp.end();
}

class AgentFiles implements SftpFiles {
  readonly #gateway: Gateway;
  readonly #login: Login;
  readonly #opened = Promise.withResolvers<Stream>();
  readonly #waiting = new Map<number, PromiseWithResolvers<FileAnswer>>();
  #home = '/';
  #next = 0;
  #failure: unknown;

  constructor(gateway: Gateway, login: Login) {
    this.#gateway = gateway;
    this.#login = login;
    this.#opened.promise.catch(() => undefined);
  }

  get home(): string {
    return this.#home;
  }

  async serve(stream: Stream): Promise<void> {
    for await (const frame of stream.incoming) {
      if (frame.kind === 'home') {
        this.#home = frame.path;
        this.#opened.resolve(stream);
      } else if (frame.kind === 'file-answer') {
        this.#waiting.get(frame.id)?.resolve(frame.answer);
        this.#waiting.delete(frame.id);
        this.#login.touch();
      }
    }
    this.fail(new RequestFailed('UNAVAILABLE', 'The files cannot be reached any more.'));
  }

  fail(failure: unknown): void {
    this.#failure = failure;
    this.#opened.reject(failure);
    for (const { reject } of this.#waiting.values()) reject(failure);
    this.#waiting.clear();
  }

  pathOf(path: string): string {
    const absolute = posix.resolve(this.#home, path);
    const relative = posix.relative(this.#home, absolute);
    const parsed = FilePath.safeParse(relative === '' ? '.' : relative);
    if (parsed.success) return parsed.data;
    throw new RequestFailed(
      'FILE_REFUSED',
      `${JSON.stringify(path.slice(0, 200))} is not below ${this.#home}`,
      { details: { code: 'file-outside' } },
    );
  }

  async ask(operation: FileOperation): Promise<Exclude<FileAnswer, { readonly failure: unknown }>> {
    const stream = await this.#opened.promise;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#waiting.size >= WAITING_MAX)
      throw new RequestFailed('UNAVAILABLE', `At most ${WAITING_MAX} requests may wait.`);
    const id = this.#next;
    this.#next += 1;
    const asked = Promise.withResolvers<FileAnswer>();
    this.#waiting.set(id, asked);
    asked.promise.catch(() => undefined);
    await stream.send({ kind: 'file-operation', id, operation });
    const answer = await asked.promise;
    if (!('failure' in answer)) return answer;
    const { code, message } = answer.failure;
    throw new RequestFailed('FILE_REFUSED', message, { details: { code } });
  }

  async note(use: SessionUse): Promise<void> {
    await noteUse(this.#gateway, this.#login.visitor, use);
  }

  async ready(): Promise<void> {
    await this.#opened.promise;
  }
}
