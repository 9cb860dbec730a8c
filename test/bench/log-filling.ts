import {
  connect,
  headers,
  type NatsConnection,
  nuid,
  type RequestOptions,
} from '@nats-io/transport-node';
import type { TestNats } from '../environment/nats.ts';
import type { WrittenCommit } from './session-lives.ts';

const BATCH_MESSAGES_MAX = 500;
const BATCHES_AT_ONCE_MAX = 4;
const PATIENCE: RequestOptions = { timeout: 30_000 };

/** Stores commits in the log in atomic batches: no other writer is there, so nothing is checked. */
export class LogFiller implements AsyncDisposable {
  readonly #connection: NatsConnection;

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  static async open({ servers, user, password }: TestNats): Promise<LogFiller> {
    return new LogFiller(await connect({ servers: [...servers], user, pass: password }));
  }

  /** Gives the number of events. Their order is that of the commits. */
  async fill(commits: Iterable<WrittenCommit>): Promise<number> {
    let events = 0;
    const stored: Promise<unknown>[] = [];
    for (const batch of chunksOf(commits)) {
      for (const commit of batch) events += commit.events;
      stored.push(this.store(batch));
      if (stored.length >= BATCHES_AT_ONCE_MAX) await stored.shift();
    }
    await Promise.all(stored);
    return events;
  }

  /** One atomic batch; gives the sequence of its last message. */
  async store(batch: readonly WrittenCommit[]): Promise<number> {
    const id = nuid.next();
    for (const [index, { subject, body }] of batch.entries()) {
      const marks = headers();
      marks.set('Nats-Batch-Id', id);
      marks.set('Nats-Batch-Sequence', String(index + 1));
      if (index < batch.length - 1) {
        this.#connection.publish(subject, body, { headers: marks });
        continue;
      }
      marks.set('Nats-Batch-Commit', '1');
      const answer = await this.#connection.request(subject, body, { ...PATIENCE, headers: marks });
      return sequenceOf(answer.json());
    }
    throw new Error('a batch has at least one commit');
  }

  /** One message by itself; gives its sequence. */
  async storeOne({ subject, body }: WrittenCommit): Promise<number> {
    return sequenceOf((await this.#connection.request(subject, body, PATIENCE)).json());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}

function sequenceOf(answer: unknown): number {
  const sequence = new Map<string, unknown>(Object.entries(Object(answer))).get('seq');
  if (typeof sequence !== 'number')
    throw new Error(`a batch was not stored: ${JSON.stringify(answer)}`);
  return sequence;
}

function* chunksOf(commits: Iterable<WrittenCommit>): Generator<readonly WrittenCommit[]> {
  let chunk: WrittenCommit[] = [];
  for (const commit of commits) {
    chunk.push(commit);
    if (chunk.length < BATCH_MESSAGES_MAX) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
