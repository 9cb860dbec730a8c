import {
  agentLive,
  type Duplex,
  type FileRequest,
  FilesWritten,
  openDuplex,
  type RecordingRequest,
  type StreamInput,
  StreamOutput,
} from '@orrery/bus';
import type { Gateway } from '../gateway.ts';

type Parts = Pick<Gateway, 'bus' | 'clock'>;
type Stream = Duplex<StreamOutput, StreamInput>;

export interface FileOrder {
  readonly node: string;
  readonly request: FileRequest | RecordingRequest;
}

const PIECE_BYTES_MAX = 128 * 1024;
/** The content that was asked for, no faster than it is taken. @throws {PeerFailed} */
export async function* readFiles(
  parts: Parts,
  order: FileOrder,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  await using stream = await open(parts, order, signal);
  for await (const frame of stream.incoming)
    if (frame.kind === 'output') yield Buffer.from(frame.data, 'base64');
}

/** Sends content no faster than it is written there. @throws {PeerFailed} */
export async function writeFiles(
  parts: Parts,
  order: FileOrder & { readonly content: AsyncIterable<Uint8Array> },
  signal: AbortSignal,
): Promise<FilesWritten> {
  await using stream = await open(parts, order, signal);
  const answered = answerOf(stream);
  const sent = sendAll(stream, order.content);
  // A refusal comes before everything was sent, and then nothing more is taken.
  sent.catch(() => undefined);
  answered.catch(() => undefined);
  await Promise.race([answered, sent]);
  return FilesWritten.parse(await answered);
}

function open(
  { bus, clock }: Parts,
  { node, request }: FileOrder,
  signal: AbortSignal,
): Promise<Stream> {
  return openDuplex<StreamOutput, StreamInput>(bus.live, agentLive.streams(node), request, {
    clock,
    incoming: StreamOutput,
    signal,
  });
}

async function answerOf(stream: Stream): Promise<unknown> {
  let text = '';
  for await (const frame of stream.incoming) if (frame.kind === 'part') text += frame.text;
  return JSON.parse(text);
}

async function sendAll(stream: Stream, content: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of content) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES_MAX) {
      const data = bytes.subarray(at, at + PIECE_BYTES_MAX).toString('base64');
      await stream.send({ kind: 'input', data });
    }
  }
  await stream.send({ kind: 'end-of-input' });
}
