import { headers, type MsgHdrs } from '@nats-io/transport-node';
import { encodeBody } from '../message-codec.ts';
import type { Link } from './link.ts';
import type { Urgency } from './store-lane.ts';

/** Stores a message once for its id, with others that wait if there are many. Gives its place. */
export function storeNamed(
  link: Link,
  {
    stream,
    subject,
    messageId,
    content,
    urgency = 'patient',
  }: {
    readonly stream: string;
    readonly subject: string;
    readonly messageId: string;
    readonly content: unknown;
    readonly urgency?: Urgency;
  },
): Promise<number> {
  const body = encodeBody(subject, content);
  const identity = (): MsgHdrs => {
    const named = headers();
    named.set('Nats-Msg-Id', messageId);
    return named;
  };
  return link.lane(stream).store({
    subject,
    body,
    headers: identity,
    urgency,
    alone: () => link.publish(subject, body, identity()),
  });
}
