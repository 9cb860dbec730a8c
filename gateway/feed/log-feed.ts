import {
  type AggregateName,
  type Clock,
  type EventLog,
  type FollowedMessage,
  type Logger,
  OrreryError,
  type RecordedCommit,
  readCommit,
  subjects,
} from '@orrery/bus';
import { Watermark } from './watermark.ts';

/** Wait before the log is followed again after a failure. Milliseconds. */
const FOLLOW_AGAIN_MS = 500;

/** As writers put it: nothing without these bytes is the commit of a command that a user sent. */
const BY_A_USER = Buffer.from('"kind":"user"');

export type CommitListener = (commit: RecordedCommit) => void;

/**
 * The one follower of the log in this process, and all who listen to it. A commit that nobody listens for
 * is passed over unread.
 */
export class LogFeed {
  readonly #log: EventLog;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ofKind = new Map<AggregateName, Set<CommitListener>>();
  readonly #ofSubject = new Map<string, Set<CommitListener>>();
  readonly #ofUsers = new Set<CommitListener>();
  readonly #told = new Watermark();

  constructor(options: { readonly log: EventLog; readonly clock: Clock; readonly logger: Logger }) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Sequence of the newest commit that the listeners were told. */
  get sequence(): number {
    return this.#told.sequence;
  }

  /** Starts with the commits that come from now on. @throws {BusUnavailable} */
  async start(signal: AbortSignal): Promise<{ readonly ended: Promise<void> }> {
    this.#told.advance(await this.#log.lastSequence());
    return { ended: this.#run(signal) };
  }

  /** Resolves once the listeners were told the commit of that sequence. @throws the signal's reason. */
  reached(sequence: number, signal: AbortSignal): Promise<void> {
    return this.#told.reached(sequence, signal);
  }

  /** Told of the commits of one kind of aggregate, in order. A listener returns at once and never throws. */
  onCommit(aggregate: AggregateName, listener: CommitListener): Disposable {
    return listen(this.#ofKind, aggregate, listener);
  }

  onCommitOf(aggregate: AggregateName, id: string, listener: CommitListener): Disposable {
    return listen(this.#ofSubject, subjects.event(aggregate, id), listener);
  }

  /** Told of the commits of commands that users sent. */
  onCommitOfUsers(listener: CommitListener): Disposable {
    this.#ofUsers.add(listener);
    return { [Symbol.dispose]: () => void this.#ofUsers.delete(listener) };
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { sequence: afterSequence } = this.#told;
        for await (const messages of this.#log.followMessages({ afterSequence, signal }))
          this.#tell(messages);
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn({ err: error }, 'following the log failed; it is followed again');
      }
      if (!signal.aborted) await this.#pause(signal);
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(FOLLOW_AGAIN_MS, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #tell(messages: readonly FollowedMessage[]): void {
    for (const message of messages) {
      if (message.sequence <= this.sequence) continue;
      const listeners = this.#listenersTo(message);
      const commit = listeners.length === 0 ? undefined : this.#read(message);
      if (commit !== undefined) for (const listener of listeners) listener(commit);
      this.#told.advance(message.sequence);
    }
  }

  #listenersTo({ subject, body }: FollowedMessage): readonly CommitListener[] {
    const listeners: CommitListener[] = [];
    const kind = subject.slice(subject.indexOf('.') + 1, subject.lastIndexOf('.'));
    const ofKind: ReadonlyMap<string, ReadonlySet<CommitListener>> = this.#ofKind;
    for (const listener of ofKind.get(kind) ?? []) listeners.push(listener);
    for (const listener of this.#ofSubject.get(subject) ?? []) listeners.push(listener);
    if (this.#ofUsers.size > 0 && bytesOf(body).includes(BY_A_USER))
      for (const listener of this.#ofUsers)
        listeners.push((commit) => {
          if (commit.actor.kind === 'user') listener(commit);
        });
    return listeners;
  }

  /** A message that is no commit must not end the following. */
  #read(message: FollowedMessage): RecordedCommit | undefined {
    try {
      return readCommit(message);
    } catch (error) {
      if (!(error instanceof OrreryError)) throw error;
      this.#logger.error(
        { err: error, sequence: message.sequence },
        'a message of the log is skipped',
      );
      return undefined;
    }
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function listen<Key>(
  table: Map<Key, Set<CommitListener>>,
  key: Key,
  listener: CommitListener,
): Disposable {
  const listeners = table.get(key) ?? new Set();
  table.set(key, listeners.add(listener));
  return {
    [Symbol.dispose]: () => {
      listeners.delete(listener);
      if (listeners.size === 0 && table.get(key) === listeners) table.delete(key);
    },
  };
}
