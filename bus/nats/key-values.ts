import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import { headers, type Msg, type MsgHdrs, nuid } from '@nats-io/transport-node';
import type { KeyChange, KeyValues } from '../bus.ts';
import { BusUnavailable } from '../errors.ts';
import type { Link } from './link.ts';
import { configStream, configSubject, DELETE_MARKER_MS } from './server-streams.ts';
import { followStream } from './stream-feed.ts';

const STATUS_NOT_FOUND = 404;
const CHANGES_MAX = 500;
const OPERATION = 'KV-Operation';

/**
 * The bucket in the layout of NATS key-value stores, so that its tools can read it. Written with headers of
 * our own: the library gives no time to live to an update. The server counts that time in whole seconds, so
 * it is rounded up.
 */
export function createKeyValues(link: Link): KeyValues {
  return {
    get: async (key) => {
      const entry = await readLast(link, key);
      return entry === undefined || entry.isMarker
        ? undefined
        : { value: entry.value, revision: entry.revision };
    },
    put: (key, value) => link.publish(configSubject(key), value, writeHeaders({})),
    create: async (key, value, timeToLiveMs) => {
      const first = await write(link, { key, value, timeToLiveMs, revision: 0 });
      if (first !== undefined) return first;
      const entry = await readLast(link, key);
      // What was deleted or has expired leaves a marker in the key's place for a while.
      if (entry === undefined || !entry.isMarker) return undefined;
      return write(link, { key, value, timeToLiveMs, revision: entry.revision });
    },
    update: (key, value, revision, timeToLiveMs) =>
      write(link, { key, value, timeToLiveMs, revision }),
    delete: async (key, revision) => {
      await write(link, {
        key,
        value: '',
        operation: 'DEL',
        timeToLiveMs: DELETE_MARKER_MS,
        revision,
      });
    },
    watch: (prefix, signal) => watch(link, prefix, signal),
  };
}

/** What is gone leaves a message without a body. */
async function* watch(
  link: Link,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<readonly KeyChange[]> {
  const feed = followStream(link, {
    stream: configStream,
    filter: configSubject(`${prefix}.>`),
    afterSequence: 0,
    messagesMax: CHANGES_MAX,
    signal,
  });
  for await (const messages of feed) {
    yield messages.map(({ subject, body }) => ({
      key: subject.slice(configSubject('').length),
      value: body.byteLength === 0 ? undefined : Buffer.from(body).toString(),
    }));
  }
}

interface Write {
  readonly key: string;
  readonly value: string;
  readonly revision: number | undefined;
  readonly timeToLiveMs: number | undefined;
  readonly operation?: 'DEL';
}

/** Undefined when `revision` is not the newest. */
async function write(link: Link, { key, value, ...options }: Write): Promise<number | undefined> {
  try {
    return await link.publish(configSubject(key), value, writeHeaders(options));
  } catch (error) {
    if (error instanceof JetStreamApiError && CONFLICT_CODES.includes(error.code)) return undefined;
    throw error;
  }
}

const CONFLICT_CODES: readonly number[] = [
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
];

/** The message id makes a second try harmless, and tells it the place of the first. */
function writeHeaders(options: {
  readonly revision?: number | undefined;
  readonly timeToLiveMs?: number | undefined;
  readonly operation?: 'DEL';
}): MsgHdrs {
  const written = headers();
  written.set('Nats-Msg-Id', nuid.next());
  if (options.revision !== undefined)
    written.set('Nats-Expected-Last-Subject-Sequence', String(options.revision));
  if (options.timeToLiveMs !== undefined)
    written.set('Nats-TTL', `${Math.ceil(options.timeToLiveMs / 1000)}s`);
  if (options.operation !== undefined) written.set(OPERATION, options.operation);
  return written;
}

interface Entry {
  readonly value: string;
  readonly revision: number;
  readonly isMarker: boolean;
}

async function readLast(link: Link, key: string): Promise<Entry | undefined> {
  const message: Msg = await link.exchange('read a key', () =>
    link.send(`$JS.API.DIRECT.GET.${configStream}.${configSubject(key)}`, ''),
  );
  const place = message.headers;
  if (place === undefined || place.code === STATUS_NOT_FOUND) return undefined;
  if (place.code !== 0) throw new BusUnavailable(`read a key: ${place.description}`);
  return {
    value: message.string(),
    revision: Number(place.get('Nats-Sequence')),
    isMarker: place.has(OPERATION) || place.has('Nats-Marker-Reason'),
  };
}
