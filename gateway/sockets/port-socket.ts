import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { kernelOfUser } from '../inside/kernel-of-user.ts';
import { openTcp } from '../inside/open-tcp.ts';
import { CLOSE_NORMAL, closeSocket, sendFrame, toldFailure } from './frame-socket.ts';
import { keepAlive } from './keep-alive.ts';

const Query = z.object({ token: z.string() });
/** The one word of a text frame: this side sends no more. */
const END = 'end';

/** Carries bytes between a client and the port that its pass stands for. */
export async function servePort(
  gateway: Gateway,
  socket: WebSocket,
  query: unknown,
): Promise<void> {
  const left = new AbortController();
  socket.once('close', () => left.abort());
  socket.pause();
  try {
    const asked = Query.safeParse(query);
    if (!asked.success)
      throw new RequestFailed('TICKET_INVALID', 'The address of a port holds a token.');
    const pass = gateway.tokens().ports.verify(asked.data.token);
    const alive = keepAlive(socket, gateway.clock);
    const kernel = await kernelOfUser(gateway, pass, {
      operation: 'Mutation.forwardPort',
      signal: left.signal,
    });
    const stream = await openTcp(gateway, kernel, pass.port, left.signal);
    try {
      await bridge(socket, stream);
    } finally {
      stream.destroy();
    }
    closeSocket(socket, CLOSE_NORMAL);
    await alive;
  } catch (error) {
    if (left.signal.aborted) return;
    const { closeCode, code, message } = toldFailure(error, gateway);
    await sendFrame(socket, { code, message });
    closeSocket(socket, closeCode);
  }
}

async function bridge(socket: WebSocket, stream: Duplex): Promise<void> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const hasEnded = Promise.withResolvers<void>();
  stream.once('error', failed.reject);
  socket.on('message', (message: RawData, isBinary: boolean) => {
    if (!isBinary) {
      if (String(message) !== END)
        failed.reject(new RequestFailed('INPUT_INVALID', 'A text frame is the word "end".'));
      else stream.end(hasEnded.resolve);
      return;
    }
    // The next frame is read from the socket when the agent has taken this one.
    socket.pause();
    stream.write(bytesOf(message), () => socket.resume());
  });
  socket.resume();
  await Promise.race([failed.promise, Promise.all([show(stream, socket), hasEnded.promise])]);
}

async function show(stream: Duplex, socket: WebSocket): Promise<void> {
  for await (const bytes of stream.iterator({ destroyOnReturn: false })) await send(socket, bytes);
  await send(socket, END);
}

function send(socket: WebSocket, data: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    socket.send(data, () => resolve());
    return undefined;
  });
}

function bytesOf(message: RawData): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message);
  return Buffer.isBuffer(message) ? message : Buffer.from(message);
}
