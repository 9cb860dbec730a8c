import {
  agentLive,
  OrreryError,
  openDuplex,
  PeerFailed,
  StreamInput,
  StreamOutput,
} from '@orrery/bus';
import type { RawData, WebSocket } from 'ws';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { failureOf, logFailure } from '../graphql/error-form.ts';
import { noteUse, useOfProgram } from '../inside/note-use.ts';
import type { ExecOrder } from './exec-tickets.ts';
import { keepAlive } from './keep-alive.ts';

const CLOSE_NORMAL = 1000;
const CLOSE_FAILED = 1011;
const CLOSE_UNAUTHORIZED = 4401;

/** Runs the program that the ticket stands for and carries its input and output. */
export async function serveExec(
  gateway: Gateway,
  socket: WebSocket,
  ticket: string,
): Promise<void> {
  const left = new AbortController();
  socket.once('close', () => left.abort());
  socket.pause();
  try {
    const order = gateway.tickets.take(ticket);
    const alive = keepAlive(socket, gateway.clock);
    await noteUse(gateway, order.visitor, useOfProgram(order.request));
    await bridge(gateway, { socket, order }, left.signal);
    close(socket, CLOSE_NORMAL);
    await alive;
  } catch (error) {
    if (left.signal.aborted) return;
    const { code, message, closeCode } = told(error, gateway);
    await send(socket, { kind: 'error', code, message });
    close(socket, closeCode);
  }
}

/** The answer to the closing must be read, so a paused socket goes on. */
function close(socket: WebSocket, code: number): void {
  socket.close(code);
  socket.resume();
}

async function bridge(
  { bus, clock }: Gateway,
  { socket, order }: { readonly socket: WebSocket; readonly order: ExecOrder },
  signal: AbortSignal,
): Promise<void> {
  await using stream = await openDuplex<StreamOutput, StreamInput>(
    bus.live,
    agentLive.streams(order.node),
    order.request,
    { clock, incoming: StreamOutput, signal },
  );
  const failed = Promise.withResolvers<never>();
  let carried = Promise.resolve();
  socket.on('message', (message: RawData) => {
    // The next frame is read from the socket when the agent has taken this one.
    socket.pause();
    carried = carried
      .then(() => stream.send(parseInput(message)))
      .then(() => socket.resume())
      .catch(failed.reject);
  });
  socket.resume();
  await Promise.race([failed.promise, carryOutput(stream.incoming, socket)]);
}

async function carryOutput(frames: AsyncIterable<StreamOutput>, socket: WebSocket): Promise<void> {
  for await (const frame of frames) {
    const { kind } = frame;
    if (kind === 'output') await send(socket, { kind, source: frame.source, data: frame.data });
    else await send(socket, frame);
    if (kind !== 'output') return;
  }
}

/** @throws {RequestFailed} `INPUT_INVALID` */
function parseInput(message: RawData): StreamInput {
  let frame: unknown;
  try {
    frame = JSON.parse(String(message));
  } catch (cause) {
    throw new RequestFailed('INPUT_INVALID', 'A frame is JSON text.', { cause });
  }
  const parsed = StreamInput.safeParse(frame);
  if (parsed.success) return parsed.data;
  throw new RequestFailed('INPUT_INVALID', 'A frame is input, end-of-input or resize.');
}

/** Resolves when the frame has left this process, so that a slow client slows the program down. */
function send(socket: WebSocket, frame: object): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    socket.send(JSON.stringify(frame), () => resolve());
    return undefined;
  });
}

function told(
  error: unknown,
  { logger }: Gateway,
): { readonly code: string; readonly message: string; readonly closeCode: number } {
  if (error instanceof PeerFailed)
    return { code: error.peerCode, message: error.message, closeCode: CLOSE_FAILED };
  const failure = failureOf(error);
  logFailure(failure, logger);
  const { code } = failure;
  const closeCode = code === 'TICKET_INVALID' ? CLOSE_UNAUTHORIZED : CLOSE_FAILED;
  const message =
    error instanceof OrreryError && code === 'UNAVAILABLE' ? error.message : failure.message;
  return { code, message, closeCode };
}
