import {
  agentLive,
  BusUnavailable,
  openDuplex,
  PeerFailed,
  StreamBroken,
  StreamOutput,
  type StreamRequest,
} from '@orrery/bus';
import { z } from 'zod';
import { RequestFailed } from '../../errors.ts';
import { subscription } from '../../feed/subscription.ts';
import type { Gateway } from '../../gateway.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { getOwnedSession } from './find-owned-session.ts';
import { type KernelPlace, whereLogsAre } from './log-place.ts';

/** How long an agent may be away before its log is given up. Milliseconds. */
export const AGENT_AWAY_MS_MAX = 60_000;
const REOPEN_MS = 500;

const Arguments = z.strictObject({
  id: z.string(),
  offset: z.int().min(0),
  follow: z.boolean(),
});

export async function sessionLogs(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<AsyncGenerator<object, void>> {
  const { id, offset, follow } = parseArguments(Arguments, unparsed);
  const row = await getOwnedSession(context, 'Subscription.sessionLogs', id);
  const wanted = { id: row.id, offsetBytes: offset, isFollowed: follow };
  return subscription((signal) => logOf(context.gateway, wanted, signal));
}

interface Wanted {
  readonly id: string;
  readonly offsetBytes: number;
  readonly isFollowed: boolean;
}

/**
 * Opened again at the same byte whenever the agent was away for a while. The end of a log is always told by
 * a chunk that is the last: a followed log that completes without one was cut off, and is to be asked for again.
 */
async function* logOf(
  gateway: Gateway,
  { id, offsetBytes, isFollowed }: Wanted,
  signal: AbortSignal,
): AsyncGenerator<object, void> {
  const { clock, logger } = gateway;
  const place = await whereLogsAre(gateway, { id, isFollowed }, signal);
  if (place === undefined) return;
  let offset = offsetBytes;
  if (place === 'no-log') {
    yield { sessionLogs: lastChunk(offset) };
    return;
  }
  let awaySinceMs: number | undefined;
  for (;;) {
    try {
      const request = {
        kind: 'logs',
        kernel: place.kernel,
        isFollowed,
        offsetBytes: offset,
      } as const;
      for await (const chunk of chunksOf(gateway, { place, request }, signal)) {
        awaySinceMs = undefined;
        offset = chunk.offset;
        yield { sessionLogs: chunk };
        if (chunk.isLast) return;
      }
      if (!isFollowed) return;
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error)) throw toldOf(error);
      awaySinceMs ??= clock.nowMs();
      if (clock.nowMs() - awaySinceMs > AGENT_AWAY_MS_MAX) throw agentAway(place, error);
      logger.info({ err: error, session: id, offset }, 'the log of a session is opened again');
    }
    await clock.sleep(REOPEN_MS, signal);
  }
}

interface Chunk {
  readonly offset: number;
  readonly source: string;
  readonly data: string;
  readonly isLast: boolean;
}

async function* chunksOf(
  { bus, clock }: Gateway,
  {
    place,
    request,
  }: {
    readonly place: KernelPlace;
    readonly request: Extract<StreamRequest, { readonly kind: 'logs' }>;
  },
  signal: AbortSignal,
): AsyncGenerator<Chunk, void> {
  let offset = request.offsetBytes;
  await using stream = await openDuplex<StreamOutput, never>(
    bus.live,
    agentLive.streams(place.node),
    request,
    { clock, incoming: StreamOutput, signal },
  );
  for await (const frame of stream.incoming) {
    if (frame.kind === 'error') throw new PeerFailed(frame);
    if (frame.kind === 'exit') {
      yield lastChunk(offset);
      return;
    }
    if (frame.kind !== 'output') continue;
    const bytes = Buffer.from(frame.data, 'base64');
    const end = frame.offsetBytes + bytes.length;
    if (end <= offset) continue;
    const unseen = bytes.subarray(Math.max(0, offset - frame.offsetBytes));
    offset = end;
    yield { offset, source: frame.source, data: unseen.toString('base64'), isLast: false };
  }
}

function lastChunk(offset: number): Chunk {
  return { offset, source: 'stdout', data: '', isLast: true };
}

/** The agent, or the engine below it, is away for now. */
function isPassing(error: unknown): boolean {
  if (error instanceof PeerFailed) return error.peerCode === 'engine-unavailable';
  return error instanceof BusUnavailable || error instanceof StreamBroken;
}

function toldOf(error: unknown): unknown {
  if (!(error instanceof PeerFailed)) return error;
  const { message, peerCode } = error;
  return new RequestFailed('LOGS_UNAVAILABLE', message, {
    details: { reason: peerCode },
    cause: error,
  });
}

function agentAway({ node }: KernelPlace, cause: unknown): RequestFailed {
  const seconds = AGENT_AWAY_MS_MAX / 1_000;
  const message = `The agent ${node} did not answer for ${seconds} seconds. Resume at the last offset.`;
  return new RequestFailed('UNAVAILABLE', message, { cause });
}
