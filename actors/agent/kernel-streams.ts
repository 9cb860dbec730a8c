import {
  agentLive,
  type Clock,
  type Duplex,
  type LiveChannel,
  type Logger,
  OrreryError,
  StreamInput,
  type StreamOutput,
  StreamRequest,
  serveDuplex,
} from '@orrery/bus';
import type { ContainerDriver, ExecProcess, TerminalSize } from './container-driver.ts';
import { KernelNotFound } from './errors.ts';
import { serveFiles } from './files/serve-files.ts';
import type { KeptLogs } from './kept-logs.ts';
import type { KernelDesk } from './kernel-desk.ts';
import type { KernelRecords } from './kernel-records.ts';
import type { LogChunk } from './log-frames.ts';
import { servePort } from './ports/serve-port.ts';
import type { KeeperClient } from './runs/keeper-client.ts';
import { serveRun } from './runs/serve-runs.ts';
import { serveRecordings, serveTerminal } from './terminals/serve-terminals.ts';

/** Content of one frame; a frame on the bus is larger by a third, and must stay under its limit. */
const FRAME_CONTENT_BYTES_MAX = 128 * 1024;
const TERMINAL: TerminalSize = { columns: 80, rows: 24 };

export interface KernelStreamsOptions {
  readonly live: LiveChannel;
  readonly node: string;
  readonly driver: ContainerDriver;
  readonly keptLogs: KeptLogs | undefined;
  readonly records: KernelRecords;
  readonly desk: KernelDesk;
  /** Undefined: nothing can be run in these kernels. */
  readonly keeper: KeeperClient | undefined;
  /** Where the node keeps its things; undefined: nowhere. */
  readonly directory: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

type Stream = Duplex<StreamInput, StreamOutput>;

/** Serves logs and commands of this node's kernels until the signal fires. */
export function serveStreams(options: KernelStreamsOptions): Promise<void> {
  const { live, node, clock, logger, signal } = options;
  return serveDuplex<StreamRequest, StreamInput, StreamOutput>(
    live,
    agentLive.streams(node),
    (request, stream) => serveRequest(options, request, stream),
    { clock, logger, first: StreamRequest, incoming: StreamInput, signal },
  );
}

function serveRequest(
  options: KernelStreamsOptions,
  request: StreamRequest,
  stream: Stream,
): Promise<void> {
  switch (request.kind) {
    case 'logs':
      return serveLog(options, request, stream);
    case 'exec':
      return serveExec(options, request, stream);
    case 'execute':
    case 'interrupt':
    case 'complete':
    case 'app-list':
    case 'app-start':
    case 'app-stop':
      return serveRun(options, request, stream);
    case 'terminal':
      return serveTerminal(options, request, stream);
    case 'port':
      return servePort(options, request, stream);
    case 'recording-list':
    case 'recording-read':
      return serveRecordings(options.directory, request, stream);
    default:
      return serveFiles(options, request, stream);
  }
}

/** From the container, and from where that ends, from what was kept. The last frame tells the exit. */
async function serveLog(
  { driver, keptLogs, records, desk }: KernelStreamsOptions,
  request: Extract<StreamRequest, { readonly kind: 'logs' }>,
  stream: Stream,
): Promise<void> {
  const { kernel, isFollowed } = request;
  const signal = stream.closed;
  let offsetBytes = request.offsetBytes;
  const sendAll = async (chunks: AsyncIterable<LogChunk>): Promise<void> => {
    for await (const chunk of chunks) {
      await sendChunk(stream, chunk);
      offsetBytes = chunk.offsetBytes + chunk.bytes.length;
    }
  };
  await desk.settled(kernel);
  const mode = isFollowed ? 'followed' : 'so-far';
  const isLive = (await driver.find(kernel, signal)) !== undefined;
  if (isLive) {
    try {
      await sendAll(driver.logs({ kernel, offsetBytes, mode }, signal));
    } catch (cause) {
      // Its container is removed while we read: what was kept goes on where this ended.
      if (!(cause instanceof OrreryError) || signal.aborted) throw cause;
      await desk.settled(kernel);
      if (keptLogs?.has(kernel) !== true) throw cause;
    }
  }
  const found = await driver.find(kernel, signal);
  if (found?.state.phase === 'running' || found?.state.phase === 'created') return;
  if (found === undefined) await desk.settled(kernel);
  if (keptLogs?.has(kernel)) await sendAll(keptLogs.read(kernel, offsetBytes));
  const end = records.find(kernel)?.end;
  if (found !== undefined) await stream.send({ kind: 'exit', exitCode: found.state.exit.exitCode });
  else if (end?.state === 'exited') await stream.send({ kind: 'exit', exitCode: end.exitCode });
  else {
    const exitCode = await keptLogs?.exitCodeOf(kernel);
    if (exitCode === undefined && !isLive) throw new KernelNotFound(kernel);
    await stream.send({ kind: 'exit', exitCode: exitCode ?? null });
  }
}

async function serveExec(
  { driver, desk }: KernelStreamsOptions,
  request: Extract<StreamRequest, { readonly kind: 'exec' }>,
  stream: Stream,
): Promise<void> {
  const { kernel, command, hasTerminal, environ = {} } = request;
  const { columns = TERMINAL.columns, rows = TERMINAL.rows } = request;
  await desk.settled(kernel);
  const terminal = hasTerminal ? { columns, rows } : undefined;
  await using process = await driver.exec({ kernel, command, environ, terminal }, stream.closed);
  const reading = passInput(process, stream);
  const left = new Promise<never>((_, reject) => {
    stream.closed.addEventListener('abort', () => reject(stream.closed.reason), { once: true });
  });
  await Promise.race([passOutput(process, stream), left]);
  await stream.send({ kind: 'exit', exitCode: await process.waitForExit(stream.closed) });
  stream.end();
  await Promise.race([reading, left]).catch(() => undefined);
}

async function passOutput(process: ExecProcess, stream: Stream): Promise<void> {
  for await (const chunk of process.output) await sendChunk(stream, chunk);
}

/** Ends with the opener's last frame, or when it is gone, which the output's side is told as well. */
async function passInput(process: ExecProcess, stream: Stream): Promise<void> {
  try {
    for await (const frame of stream.incoming) {
      switch (frame.kind) {
        case 'input':
          await process.write(Buffer.from(frame.data, 'base64'));
          break;
        case 'resize':
          await process.resize(frame).catch(() => undefined);
          break;
        case 'restart':
        case 'file-operation':
          // Of terminals and open files only.
          break;
        case 'end-of-input':
          process.endInput();
      }
    }
    process.endInput();
  } catch (cause) {
    if (!(cause instanceof OrreryError)) throw cause;
    process.endInput();
  }
}

async function sendChunk(stream: Stream, { source, bytes, offsetBytes }: LogChunk): Promise<void> {
  for (let at = 0; at < bytes.length; at += FRAME_CONTENT_BYTES_MAX) {
    const part = bytes.subarray(at, at + FRAME_CONTENT_BYTES_MAX);
    await stream.send({
      kind: 'output',
      source,
      data: part.toString('base64'),
      offsetBytes: offsetBytes + at,
    });
  }
}
