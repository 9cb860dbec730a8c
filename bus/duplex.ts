import { z } from 'zod';
import type { LiveChannel } from './bus.ts';
import type { Clock } from './clock.ts';
import { type Duplex, DuplexStream } from './duplex-stream.ts';
import { OrreryError, PeerFailed, StreamBroken } from './errors.ts';
import { newId } from './ids.ts';
import type { Logger } from './logger.ts';

const OPEN_TIMEOUT_MS = 5_000;
/** Of one server: commands, terminals and connections to ports, each with a window of 1 MiB at most. */
const STREAMS_MAX = 2_048;

const Opening = z.object({ stream: z.uuid(), first: z.unknown() });
const Opened = z.discriminatedUnion('isOpen', [
  z.object({ isOpen: z.literal(true) }),
  z.object({ isOpen: z.literal(false), code: z.string(), message: z.string() }),
]);
type Opened = z.infer<typeof Opened>;

/** The opener speaks on `….up`; below the subject of the server, whose right to publish can be limited to it. */
const upOf = (subject: string, stream: string): string => `${subject}.${stream}.up`;
const downOf = (subject: string, stream: string): string => `${subject}.${stream}.down`;

/**
 * Opens a stream with whoever serves the subject. Dispose of it when done; the signal breaks it.
 * @throws {BusUnavailable} when nobody serves it.
 * @throws {PeerFailed} when it is refused.
 */
export async function openDuplex<Incoming, Outgoing>(
  live: LiveChannel,
  subject: string,
  first: unknown,
  options: {
    readonly clock: Clock;
    /** Shape of the frames that come from the server. */
    readonly incoming: z.ZodType<Incoming>;
    readonly signal: AbortSignal;
  },
): Promise<Duplex<Incoming, Outgoing>> {
  const { clock, incoming: frame, signal } = options;
  signal.throwIfAborted();
  const stream = newId(clock.nowMs());
  const duplex = new DuplexStream<Incoming, Outgoing>({
    live,
    clock,
    hears: downOf(subject, stream),
    speaks: upOf(subject, stream),
    frame,
  });
  const onAbort = (): void => duplex.breakOff(new StreamBroken('its opener gave up'));
  signal.addEventListener('abort', onAbort, { once: true });
  duplex.closed.addEventListener('abort', () => signal.removeEventListener('abort', onAbort));
  try {
    const answer = await live.request(subject, { stream, first }, OPEN_TIMEOUT_MS);
    signal.throwIfAborted();
    const opened = Opened.parse(answer);
    if (!opened.isOpen) throw new PeerFailed(opened);
    return duplex;
  } catch (error) {
    duplex.breakOff(new StreamBroken('it was not opened'));
    throw error;
  }
}

export interface ServeOptions<First, Incoming> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shapes of the first message and of the frames that come from the opener. */
  readonly first: z.ZodType<First>;
  readonly incoming: z.ZodType<Incoming>;
  /** Ends the serving, and breaks the streams that are open. */
  readonly signal: AbortSignal;
}

/**
 * Serves streams until the signal fires. When the handler returns, the stream is ended and closed; what it
 * throws fails the stream, with the code of an `OrreryError`. `stream.closed` fires when the opener left.
 */
export async function serveDuplex<First, Incoming, Outgoing>(
  live: LiveChannel,
  subject: string,
  handler: (first: First, stream: Duplex<Incoming, Outgoing>) => Promise<void>,
  options: ServeOptions<First, Incoming>,
): Promise<void> {
  const { first: firstSchema, incoming: frame, clock, logger, signal } = options;
  const open = new Map<string, Promise<void>>();
  for await (const { body, replyTo } of live.subscribe(subject, signal)) {
    if (replyTo === undefined) continue;
    const answer = (opened: Opened): void => live.publish(replyTo, opened);
    const opening = Opening.safeParse(body);
    const first = firstSchema.safeParse(opening.data?.first);
    if (!opening.success || !first.success) {
      const [issue] = (opening.error ?? first.error)?.issues ?? [];
      const message = `${issue?.path.join('.')}: ${issue?.message}`;
      answer({ isOpen: false, code: 'bus.malformed-message', message });
      continue;
    }
    const { stream } = opening.data;
    // The channel may double a message; the stream that is open was answered for.
    if (open.has(stream)) continue;
    if (open.size >= STREAMS_MAX) {
      const message = `there are ${STREAMS_MAX} streams already`;
      answer({ isOpen: false, code: 'bus.too-many-streams', message });
      continue;
    }
    const duplex = new DuplexStream<Incoming, Outgoing>({
      live,
      clock,
      hears: upOf(subject, stream),
      speaks: downOf(subject, stream),
      frame,
    });
    // Before the first frame, so that the opener learns of the stream before it is read from.
    answer({ isOpen: true });
    const work = () => handler(first.data, duplex);
    const served = serveOne(duplex, work, { logger, signal });
    open.set(
      stream,
      served.finally(() => open.delete(stream)),
    );
  }
  await Promise.all(open.values());
}

async function serveOne<Incoming, Outgoing>(
  stream: DuplexStream<Incoming, Outgoing>,
  work: () => Promise<void>,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const onAbort = (): void => stream.breakOff(new StreamBroken('its server stops'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await work();
    stream.end();
  } catch (error) {
    // The opener left: there is nobody to tell, and nothing went wrong here.
    if (!(error instanceof StreamBroken && stream.closed.aborted))
      logger.warn({ err: error }, 'a stream failed');
    stream.fail(
      error instanceof OrreryError
        ? { code: error.code, message: error.message }
        : { code: 'bus.stream-failed', message: 'the stream failed on its other side' },
    );
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  await stream[Symbol.asyncDispose]();
}
