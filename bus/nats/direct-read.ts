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
      link.guarded(readPage(link, `$JS.API.DIRECT.GET.${place.stream}`, question)),
    );
    yield* page.messages;
    const last = page.messages.at(-1);
    if (last === undefined || !page.hasMore) return;
    afterSequence = last.sequence;
  }
}

interface Page {
  readonly messages: readonly StreamMessage[];
  readonly hasMore: boolean;
}

async function readPage(link: Link, api: string, question: string): Promise<Page> {
  const messages: StreamMessage[] = [];
  const patience = new AbortController();
  const page = Promise.withResolvers<Page>();
  const subject = link.replies.enter((message) => {
    const code = message.headers?.code ?? 0;
    if (code === 0) messages.push(parseDirect(message));
    else if (code === STATUS_END)
      page.resolve({ messages, hasMore: message.headers?.get('Nats-Num-Pending') !== '0' });
    else if (code === STATUS_NOT_FOUND) page.resolve({ messages: [], hasMore: false });
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
