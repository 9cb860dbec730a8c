import { hash } from 'node:crypto';
import { headers, nuid } from '@nats-io/transport-node';
import { contentId, createLogger, systemClock } from '@orrery/bus';
import { Link } from '../../bus/nats/link.ts';
import { subjects } from '../../bus/subjects.ts';
import { type SampleLives, SCHEDULER, sampleLives, type Template } from './sample-lives.ts';

const BATCH_MESSAGES = 500;
/** Batches on their way at once; the server takes 50. */
const BATCHES_MAX = 4;

export interface Filling {
  /** Sessions that were and are no more, that run, and that wait for room. */
  readonly ended: number;
  readonly live: number;
  readonly pending: number;
  readonly nodes: number;
}

export interface Filled {
  readonly messages: number;
  readonly events: number;
  /** Events of the scheduler's own log. */
  readonly schedulerEvents: number;
}

interface Server {
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
}

/**
 * Writes what a cluster with such a past would have written, whole chains and all, in atomic batches. The
 * events are those of the real deciders, for one session of each kind; the others differ in their ids.
 * The log must be empty, and nobody else may write.
 */
export async function fillLog(server: Server, filling: Filling): Promise<Filled> {
  const logger = createLogger({ name: 'filler', level: 'warn' });
  const { servers, user, password: pass } = server;
  const credentials = { user, pass };
  const link = await Link.open({
    servers,
    credentials,
    name: 'filler',
    clock: systemClock,
    logger,
  });
  try {
    const writer = new BatchWriter(link);
    const lives = sampleLives();
    const log = new LogWriter(writer);
    for (let index = 0; index < filling.nodes; index++)
      await log.append(lives.node, { index, node: nodeName(index) });
    let index = 0;
    for (const kind of ['ended', 'live', 'pending'] as const) {
      for (let count = 0; count < filling[kind]; count++, index++)
        await live(log, lives[kind], { index, node: nodeName(index % filling.nodes) });
    }
    await writer.finish();
    return { messages: writer.messages, events: log.events, schedulerEvents: log.schedulerEvents };
  } finally {
    await link.close();
  }
}

/** The id of the session that was written as number `index`, counted over all kinds. */
export function sessionIdOf(index: number): string {
  return idOf('5e55', index);
}

export function kernelIdOf(index: number): string {
  return idOf('ce44', index);
}

export function nodeName(index: number): string {
  return `node-${index}`;
}

function idOf(kind: string, index: number): string {
  return `01990000-${kind}-7000-8000-${index.toString(16).padStart(12, '0')}`;
}

async function live(
  log: LogWriter,
  templates: SampleLives['ended'],
  place: { readonly index: number; readonly node: string },
): Promise<void> {
  let sessionHash = '';
  for (const template of templates) {
    if (template.aggregate === 'scheduler') await log.append(template, place);
    else sessionHash = await log.append(template, { ...place, previousHash: sessionHash });
  }
}

interface Place {
  readonly index: number;
  readonly node: string;
  readonly previousHash?: string;
}

class LogWriter {
  readonly #writer: BatchWriter;
  #schedulerHash = '';
  schedulerEvents = 0;
  events = 0;

  constructor(writer: BatchWriter) {
    this.#writer = writer;
  }

  /** Gives the hash of the commit. */
  async append(template: Template, { index, node, previousHash = '' }: Place): Promise<string> {
    const isScheduler = template.aggregate === 'scheduler';
    const session = sessionIdOf(index);
    const content = template.pieces
      .map((piece) => {
        switch (piece.type) {
          case 'text':
            return piece.text;
          case 'session':
            return session;
          case 'kernel':
            return kernelIdOf(index);
          case 'node':
            return node;
          case 'hash':
            return isScheduler ? this.#schedulerHash : previousHash;
          default:
            return String(this.schedulerEvents + 1);
        }
      })
      .join('');
    const id = contentId(content);
    const body = Buffer.from(`{"id":"${id}",${content.slice(1)}`);
    const bodyHash = hash('sha256', body, 'hex');
    this.events += template.events;
    if (isScheduler) {
      this.#schedulerHash = bodyHash;
      this.schedulerEvents += template.events;
    }
    const subject = subjects.event(template.aggregate, isScheduler ? SCHEDULER : session);
    await this.#writer.write({ subject, id, body });
    return bodyHash;
  }
}

interface Message {
  readonly subject: string;
  readonly id: string;
  readonly body: Buffer;
}

class BatchWriter {
  readonly #link: Link;
  readonly #underWay: Promise<unknown>[] = [];
  #messages: Message[] = [];
  messages = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  async write(message: Message): Promise<void> {
    this.#messages.push(message);
    if (this.#messages.length < BATCH_MESSAGES) return;
    this.#send();
    if (this.#underWay.length >= BATCHES_MAX) await this.#underWay.shift();
  }

  async finish(): Promise<void> {
    if (this.#messages.length > 0) this.#send();
    await Promise.all(this.#underWay);
  }

  #send(): void {
    const messages = this.#messages;
    this.#messages = [];
    this.messages += messages.length;
    const batch = nuid.next();
    for (const [index, { subject, id, body }] of messages.entries()) {
      const marks = headers();
      marks.set('Nats-Msg-Id', id);
      marks.set('Nats-Batch-Id', batch);
      marks.set('Nats-Batch-Sequence', String(index + 1));
      if (index < messages.length - 1) {
        this.#link.tell(subject, body, marks);
        continue;
      }
      marks.set('Nats-Batch-Commit', '1');
      this.#underWay.push(this.#link.store({ subject, body, headers: marks }));
    }
  }
}
