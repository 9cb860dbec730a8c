import { type Msg, TimeoutError } from '@nats-io/transport-node';
import type { LogMessage } from '../bus.ts';
import { BusUnavailable } from '../errors.ts';
import type { Link } from './link.ts';

const PAGE_MESSAGES_MAX = 256;
/** A page ends after the message with which it reaches this size. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;
const PAGE_TIMEOUT_MS = 5_000;
const STATUS_END = 204;
const STATUS_NOT_FOUND = 404;

export interface ReadPlace {
  readonly stream: string;
  /** May hold wildcards. `>` is quicker than what would match all subjects too. */
  readonly subject: string;
  readonly afterSequence: number;
  /** Default: the newest. */
  readonly upToSequence?: number | undefined;
  readonly messagesMax?: number | undefined;
}

/** All messages of a subject after a sequence, oldest first, up to now: one round trip a page. */
export async function* readPages(
  link: Link,
  place: ReadPlace,
): AsyncGenerator<readonly LogMessage[]> {
  const { upToSequence = Number.MAX_SAFE_INTEGER } = place;
  let afterSequence = place.afterSequence;
  for (;;) {
    const question = JSON.stringify({
      seq: afterSequence + 1,
      next_by_subj: place.subject,
      batch: place.messagesMax ?? PAGE_MESSAGES_MAX,
      max_bytes: PAGE_BYTES_MAX,
    });
    const page = await link.exchange('read a subject', () =>
      link.guarded(readPage(link, `$JS.API.DIRECT.GET.${place.stream}`, question)),
    );
    const messages = page.messages.filter(({ sequence }) => sequence <= upToSequence);
    if (messages.length > 0) yield messages;
    const last = page.messages.at(-1);
    if (last === undefined || page.moreMessages === 0 || last.sequence >= upToSequence) return;
    afterSequence = last.sequence;
  }
}

/** How many messages of a stream match a filter. */
export async function countMessages(
  link: Link,
  { stream, filter }: { readonly stream: string; readonly filter: string },
): Promise<number> {
  const question = JSON.stringify({ seq: 1, next_by_subj: filter, batch: 1 });
  const { messages, moreMessages } = await link.exchange('count messages', () =>
    link.guarded(readPage(link, `$JS.API.DIRECT.GET.${stream}`, question)),
  );
  return messages.length + moreMessages;
}

interface Page {
  readonly messages: readonly LogMessage[];
  /** Messages that match and lie behind the page. */
  readonly moreMessages: number;
}

async function readPage(link: Link, api: string, question: string): Promise<Page> {
  const messages: LogMessage[] = [];
  const patience = new AbortController();
  const page = Promise.withResolvers<Page>();
  const subject = link.replies.enter((message) => {
    const code = message.headers?.code ?? 0;
    if (code === 0) messages.push(parseDirect(message));
    else if (code === STATUS_END)
      page.resolve({ messages, moreMessages: Number(message.headers?.get('Nats-Num-Pending')) });
    else if (code === STATUS_NOT_FOUND) page.resolve({ messages: [], moreMessages: 0 });
    else page.reject(new BusUnavailable(`read a subject: ${message.headers?.description}`));
  });
  try {
    link.connection.publish(api, question, { reply: subject });
    void link.clock.sleep(PAGE_TIMEOUT_MS, patience.signal).then(
      () => page.reject(new TimeoutError()),
      () => undefined,
    );
    return await page.promise;
  } finally {
    patience.abort();
    link.replies.leave(subject);
  }
}

function parseDirect(message: Msg): LogMessage {
  const place = message.headers;
  return {
    subject: place?.get('Nats-Subject') ?? '',
    sequence: Number(place?.get('Nats-Sequence')),
    messageId: place?.get('Nats-Msg-Id') || undefined,
    body: message.data,
  };
}
