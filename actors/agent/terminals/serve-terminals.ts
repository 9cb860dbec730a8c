import { join } from 'node:path';
import {
  type Duplex,
  type RecordingRequest,
  type StreamInput,
  StreamOutput,
  type TerminalRequest,
} from '@orrery/bus';
import { RunnerUnavailable } from '../errors.ts';
import type { KernelDesk } from '../kernel-desk.ts';
import type { KeeperClient } from '../runs/keeper-client.ts';
import { listRecordings, RECORDINGS, readRecording } from './recordings.ts';

type Stream = Duplex<StreamInput, StreamOutput>;
const FRAME_BYTES_MAX = 64 * 1024;

/** Carries frames between a viewer and the keeper, no faster than they are taken. */
export async function serveTerminal(
  { keeper, desk }: { readonly keeper: KeeperClient | undefined; readonly desk: KernelDesk },
  request: TerminalRequest,
  stream: Stream,
): Promise<void> {
  if (keeper === undefined) throw new RunnerUnavailable('simulated');
  await desk.settled(request.kernel);
  using talk = await keeper.converse(request, stream.closed);
  const passing = async (): Promise<void> => {
    for await (const frame of stream.incoming) await talk.send(frame);
  };
  // A viewer that leaves closes the stream, and so the talk.
  passing().catch(() => undefined);
  for await (const frame of talk.frames) await stream.send(StreamOutput.parse(frame));
}

/** `directory` is the node's own. */
export async function serveRecordings(
  directory: string | undefined,
  request: RecordingRequest,
  stream: Stream,
): Promise<void> {
  if (directory === undefined) throw new RunnerUnavailable('simulated');
  const recordings = join(directory, RECORDINGS);
  if (request.kind === 'recording-list') {
    const text = JSON.stringify(await listRecordings(recordings, request.kernel));
    for (let at = 0; at < text.length; at += FRAME_BYTES_MAX)
      await stream.send({ kind: 'part', text: text.slice(at, at + FRAME_BYTES_MAX) });
    return;
  }
  let offsetBytes = 0;
  for await (const bytes of await readRecording(recordings, request)) {
    const data = bytes.toString('base64');
    await stream.send({ kind: 'output', source: 'stdout', data, offsetBytes });
    offsetBytes += bytes.length;
  }
}
