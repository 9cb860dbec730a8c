import { type Msg, TimeoutError } from '@nats-io/transport-node';
import { BusUnavailable } from '../errors.ts';
import type { Link } from './link.ts';
import type { StreamMessage } from './stream-feed.ts';

const PAGE_MESSAGES_MAX = 256;
const PAGE_TIMEOUT_MS = 5_000;
const STATUS_END = 204;
const STATUS_NOT_FOUND = 404;

/** All messages of one subject after a sequence, oldest first, up to now: one round trip a page. */
export async function* readSubject(
  link: Link,
  place: { readonly stream: string; readonly subject: string; readonly afterSequence: number },
): AsyncGenerator<StreamMessage> {
  let afterSequence = place.afterSequence;
  for (;;) {
    const question = JSON.stringify({
      seq: afterSequence + 1,
      next_by_subj: place.subject,
      batch: PAGE_MESSAGES_MAX,
    });
    const page = await link.exchange('read a subject', () =>
      readPage(link, `$JS.API.DIRECT.GET.${place.stream}`, question),
    );
    yield* page.messages;
    const last = page.messages.at(-1);
    if (last === undefined || page.moreMessages === 0) return;
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
    readPage(link, `$JS.API.DIRECT.GET.${stream}`, question),
  );
  return messages.length + moreMessages;
}

interface Page {
  readonly messages: readonly StreamMessage[];
  /** Messages that match and lie behind the page. */
  readonly moreMessages: number;
}

async function readPage(link: Link, api: string, question: string): Promise<Page> {
  const messages: StreamMessage[] = [];
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

function parseDirect(message: Msg): StreamMessage {
  const place = message.headers;
  return {
    subject: place?.get('Nats-Subject') ?? '',
    sequence: Number(place?.get('Nats-Sequence')),
    body: message.data,
  };
}
