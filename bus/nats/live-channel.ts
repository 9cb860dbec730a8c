import type { Msg } from '@nats-io/transport-node';
import type { LiveChannel } from '../bus.ts';
import { BusUnavailable, MalformedMessage } from '../errors.ts';
import { decodeBody, encodeBody } from '../message-codec.ts';
import type { Link } from './link.ts';

/** A subscriber that is this far behind loses the newest messages. */
const WAITING_MESSAGES_MAX = 10_000;

interface LiveMessage {
  readonly subject: string;
  readonly body: unknown;
  readonly replyTo?: string | undefined;
}

export function createLiveChannel(link: Link): LiveChannel {
  return {
    publish: (subject, body) => link.tell(subject, encodeBody(subject, body)),
    subscribe: (subject, signal) => subscribe(link, subject, signal),
    request: async (subject, body, timeoutMs) => {
      let answer: Msg;
      try {
        answer = await link.connection.request(subject, encodeBody(subject, body), {
          timeout: timeoutMs,
        });
      } catch (cause) {
        throw new BusUnavailable(`answer on ${subject}`, { cause });
      }
      return decodeBody(subject, answer.data);
    },
  };
}

/** Subscribed when this returns, not only when the first message is asked for. */
function subscribe(link: Link, subject: string, signal: AbortSignal): AsyncIterable<LiveMessage> {
  const waiting: LiveMessage[] = [];
  let wake: (() => void) | undefined;
  let isFull = false;
  const ended = AbortSignal.any([signal, link.closed]);
  const subscription = link.connection.subscribe(subject, {
    callback: (error, message) => {
      if (error !== null) {
        link.logger.error({ err: error, subject }, 'a live subscription failed');
        return;
      }
      if (waiting.length >= WAITING_MESSAGES_MAX) {
        if (!isFull)
          link.logger.warn({ subject }, 'a live subscriber is too slow; messages are lost');
        isFull = true;
        return;
      }
      isFull = false;
      const live = parseLive(link, message);
      if (live === undefined) return;
      waiting.push(live);
      wake?.();
    },
  });
  const onEnd = (): void => {
    if (!link.connection.isClosed()) subscription.unsubscribe();
    wake?.();
  };
  if (ended.aborted) onEnd();
  else ended.addEventListener('abort', onEnd, { once: true });
  return (async function* () {
    try {
      while (!ended.aborted) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      ended.removeEventListener('abort', onEnd);
      onEnd();
    }
  })();
}

function parseLive(link: Link, message: Msg): LiveMessage | undefined {
  try {
    const body = decodeBody(message.subject, message.data);
    const { reply } = message;
    return reply === undefined || reply === ''
      ? { subject: message.subject, body }
      : { subject: message.subject, body, replyTo: reply };
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    link.logger.warn({ subject: message.subject }, 'a live message that is not JSON is dropped');
    return undefined;
  }
}
