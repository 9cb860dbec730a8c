import type {
  AggregateName,
  CommandEnvelope,
  Commit,
  Outcome,
  RecordedCommit,
} from './envelope.ts';

/** The log of events. Implemented on JetStream and in memory; both pass one contract suite. */
export interface EventLog {
  /**
   * Appends one commit after the aggregate's commit at `expectedSequence` (0: it has none yet).
   * Resolves when the commit is durable. The same commit id appended again is recorded once.
   * @throws {RevisionConflict} when another writer came first; nothing was written.
   * @throws {BusUnavailable} when no answer came: the commit may or may not be there.
   */
  append(
    commit: Commit,
    expectedSequence: number,
  ): Promise<{ readonly sequence: number; readonly hash: string }>;
  /** All commits of one aggregate after `afterSequence`, oldest first, up to now. */
  read(aggregate: AggregateName, id: string, afterSequence?: number): AsyncIterable<RecordedCommit>;
  /**
   * Commits after `afterSequence`, in order, as they come, in arrays of what has arrived (at most
   * `commitsMax`). Survives lost connections without gap or double. Ends when the signal fires.
   */
  follow(options: FollowOptions): AsyncIterable<readonly RecordedCommit[]>;
  /** As `follow`, but messages as they lie there, checked by nobody, for those who need few of them. */
  followMessages(options: FollowOptions): AsyncIterable<readonly FollowedMessage[]>;
  /**
   * Messages after `afterSequence` as they lie there, checked by nobody, oldest first, up to now, in pages
   * that are fetched when they are asked for: a slow reader holds no more than one.
   */
  readMessages(options: ReadOptions): AsyncIterable<readonly LogMessage[]>;
  /** Sequence of the newest commit of all; 0 when there is none. */
  lastSequence(): Promise<number>;
  /**
   * Takes the commits of one aggregate up to a sequence, included, out of the stream: only what lies in the
   * archive. Idempotent; sequences are never given again. An aggregate without commits can be begun again.
   */
  purge(aggregate: AggregateName, id: string, upToSequence: number): Promise<void>;
}

export interface ReadOptions {
  readonly afterSequence: number;
  readonly aggregate?: AggregateName | undefined;
  readonly aggregateId?: string | undefined;
  /** Default: the newest. */
  readonly upToSequence?: number | undefined;
  /** Messages of a page. Default 256. */
  readonly messagesMax?: number | undefined;
}

/** One message of the log, as its followers are given it. */
export interface FollowedMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** One message of the log. */
export interface LogMessage extends FollowedMessage {
  /** What makes a repeat harmless: the id of its commit. */
  readonly messageId: string | undefined;
  /** Name of the archived segment that it was read from; absent: the stream. */
  readonly segment?: string | undefined;
}

export interface FollowOptions {
  readonly afterSequence: number;
  readonly aggregate?: AggregateName;
  readonly aggregateId?: string;
  /** Default 500. */
  readonly commitsMax?: number;
  readonly signal: AbortSignal;
}

/** A command as the reader of its lane met it; `sequence` is its place in the lane's stream, 0 of one that came past it. */
export interface ReceivedCommand {
  readonly sequence: number;
  /** Size of its body. */
  readonly bytes: number;
  readonly envelope: CommandEnvelope;
  /** Set when the body could not be parsed: `envelope` then holds what the subject tells. */
  readonly malformed?: string;
}

/**
 * Durable commands to aggregates, read as a log. A lane is a partition of the control plane.
 * Reading again after a checkpoint gives the same commands in the same order.
 */
export interface Inbox {
  readonly partitions: number;
  /** Lane of an aggregate: stable for a given number of partitions. */
  partitionOf(aggregate: AggregateName, id: string): number;
  /**
   * Resolves when the command is durable.
   * @throws {Overloaded} when it comes from a user and too many commands wait: nothing was sent.
   * @throws {BusUnavailable}
   */
  send(envelope: CommandEnvelope): Promise<void>;
  /**
   * Sends and waits for the outcome. Who listens to the lane is asked first; when nobody does, declines, or
   * has not answered within `ASKED_MS_MAX`, the command is put into the lane. It may be met twice.
   * @throws {Overloaded} as `send` does.
   * @throws the signal's reason. The command may stay in force.
   */
  request(envelope: CommandEnvelope, signal: AbortSignal): Promise<Outcome>;
  reply(replyTo: string, outcome: Outcome): void;
  /**
   * As `request`, for whom no outcome matters: resolves when it is taken, or durable in the lane. The limit
   * for users does not hold for it.
   * @throws {BusUnavailable}
   */
  deliver(envelope: CommandEnvelope): Promise<void>;
  /** Commands that come past the lane: not durable, and perhaps twice. Each is answered or declined. */
  listen(partition: number, signal: AbortSignal): AsyncIterable<readonly ReceivedCommand[]>;
  /** What was asked past the lane shall be put into it. */
  decline(replyTo: string): void;
  /**
   * How far this connection knows the log to reach. Who will give a command once more asks before the first
   * time, and names it then as `againAfter`.
   */
  newestPlace(): number;
  follow(
    partition: number,
    afterSequence: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly ReceivedCommand[]>;
  checkpoint(partition: number): Promise<number>;
  /** Everything up to `sequence` is done: it is never read again, and is purged. */
  saveCheckpoint(partition: number, sequence: number): Promise<void>;
}

/** What a node's agent is told, with its place in the node's inbox. */
export interface ReceivedWish {
  readonly sequence: number;
  readonly wish: unknown;
  readonly traceparent?: string | undefined;
}

export interface AgentInbox {
  /** `key` is the kernel the wish is about; a message id makes a repeat harmless. */
  send(message: {
    readonly node: string;
    readonly key: string;
    readonly id: string;
    readonly wish: unknown;
    readonly traceparent?: string | undefined;
  }): Promise<void>;
  follow(
    node: string,
    afterSequence: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly ReceivedWish[]>;
  checkpoint(node: string): Promise<number>;
  /** Everything up to `sequence` is done: the node's next agent begins behind it. */
  saveCheckpoint(node: string, sequence: number): Promise<void>;
  /**
   * The newest checkpoints, as they are and as they come. For who sweeps: a right to purge would be one to
   * purge what other nodes are told, so agents have none.
   */
  checkpoints(
    signal: AbortSignal,
  ): AsyncIterable<readonly { readonly node: string; readonly sequence: number }[]>;
  /** Takes away what lies behind a checkpoint. */
  sweep(node: string, sequence: number): Promise<void>;
}

/** Durable timers: at `atMs` the given command arrives in its aggregate's inbox, once or more. */
export interface Alarms {
  /** One alarm an aggregate: setting it again moves it. */
  set(envelope: CommandEnvelope, atMs: number): Promise<void>;
  clear(aggregate: AggregateName, id: string): Promise<void>;
}

/** Folded state with the log sequence it stands for. Values larger than a message are stored in chunks. */
export interface SnapshotStore {
  load(
    aggregate: AggregateName,
    id: string,
  ): Promise<{ readonly sequence: number; readonly body: string } | undefined>;
  /**
   * In force as a whole or not at all. The pieces of a body are taken one after the other while others run.
   * @throws what the pieces throw: what was saved before stays in force.
   * @throws {BusUnavailable}
   */
  save(
    aggregate: AggregateName,
    id: string,
    snapshot: { readonly sequence: number; readonly body: string | Iterable<string> },
  ): Promise<void>;
}

/** What may be lost: heartbeats, log lines, terminal bytes, progress notices. At most once, not kept. */
export interface LiveChannel {
  publish(subject: string, body: unknown): void;
  subscribe(
    subject: string,
    signal: AbortSignal,
  ): AsyncIterable<{
    readonly subject: string;
    readonly body: unknown;
    readonly replyTo?: string | undefined;
  }>;
  /** @throws {BusUnavailable} when nobody answers within `timeoutMs`. */
  request(subject: string, body: unknown, timeoutMs: number): Promise<unknown>;
}

/** An entry as a watcher learns of it; no value once it was deleted or has expired. */
export interface KeyChange {
  readonly key: string;
  readonly value: string | undefined;
}

/** A small durable map with leases (the role of etcd). A value is never empty. */
export interface KeyValues {
  get(key: string): Promise<{ readonly value: string; readonly revision: number } | undefined>;
  put(key: string, value: string): Promise<number>;
  /** Undefined when the key exists. `timeToLiveMs` lets the entry vanish by itself. */
  create(key: string, value: string, timeToLiveMs?: number): Promise<number | undefined>;
  /** Undefined when `revision` is not the newest. */
  update(
    key: string,
    value: string,
    revision: number,
    timeToLiveMs?: number,
  ): Promise<number | undefined>;
  /** With a revision, only while that is the newest. */
  delete(key: string, revision?: number): Promise<void>;
  /**
   * The entries under `<prefix>.` as they are, then their changes as they come, in the order in which
   * they were written. A change that another overtook may be left out, and so may an end that lies more
   * than a minute back when a lost connection comes again.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<readonly KeyChange[]>;
}

/** A command that no try could take, as it was met in its partition's inbox. */
export interface SetAsideCommand {
  /** `<partition>.<sequence>` of its place in the inbox. */
  readonly id: string;
  readonly envelope: CommandEnvelope;
  /** What it threw the last time. */
  readonly error: string;
  readonly tries: number;
  readonly setAsideAtMs: number;
}

/** Commands that are kept for a person to look at and to send again. */
export interface SetAside {
  /** Kept once for its id. @throws {Overloaded} when as many are kept as may be. */
  put(command: SetAsideCommand): Promise<void>;
  /** Oldest first. */
  list(): Promise<readonly SetAsideCommand[]>;
  find(id: string): Promise<SetAsideCommand | undefined>;
  remove(id: string): Promise<void>;
  count(): Promise<number>;
}

export interface Bus extends AsyncDisposable {
  readonly log: EventLog;
  readonly inbox: Inbox;
  readonly agents: AgentInbox;
  readonly alarms: Alarms;
  readonly snapshots: SnapshotStore;
  readonly live: LiveChannel;
  readonly config: KeyValues;
  readonly setAside: SetAside;
  /** Resolves once everything sent so far has left this process. */
  flush(): Promise<void>;
}
