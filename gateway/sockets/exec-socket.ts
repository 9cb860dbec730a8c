import { agentLive, openDuplex, StreamInput, StreamOutput } from '@orrery/bus';
import type { RawData, WebSocket } from 'ws';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { noteUse, useOfProgram } from '../inside/note-use.ts';
import type { ExecOrder } from './exec-tickets.ts';
import {
  CLOSE_NORMAL,
  closeSocket,
  parseJsonFrame,
  sendFrame,
  toldFailure,
} from './frame-socket.ts';
import { keepAlive } from './keep-alive.ts';

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
    closeSocket(socket, CLOSE_NORMAL);
    await alive;
  } catch (error) {
    if (left.signal.aborted) return;
    const { code, message, closeCode } = toldFailure(error, gateway);
    await sendFrame(socket, { kind: 'error', code, message });
    closeSocket(socket, closeCode);
  }
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
    if (kind === 'output')
      await sendFrame(socket, { kind, source: frame.source, data: frame.data });
    else await sendFrame(socket, frame);
    if (kind !== 'output') return;
  }
}

/** @throws {RequestFailed} `INPUT_INVALID` */
function parseInput(message: RawData): StreamInput {
  const parsed = StreamInput.safeParse(parseJsonFrame(message));
  if (parsed.success) return parsed.data;
  throw new RequestFailed('INPUT_INVALID', 'A frame is input, end-of-input or resize.');
}
