import type { Clock } from '@orrery/bus';
import type { WebSocket } from 'ws';

/** A peer that does not answer a ping before the next one is gone. Milliseconds. */
export const PING_PERIOD_MS = 15_000;

/** Pings until the socket is closed, and ends one whose peer vanished without a word. */
export async function keepAlive(socket: WebSocket, clock: Clock): Promise<void> {
  const closed = new AbortController();
  let isHeard = true;
  socket.once('close', () => closed.abort());
  socket.on('pong', () => {
    isHeard = true;
  });
  while (socket.readyState === socket.OPEN) {
    if (!isHeard) socket.terminate();
    isHeard = false;
    if (socket.readyState === socket.OPEN) socket.ping();
    await clock.sleep(PING_PERIOD_MS, closed.signal).catch(() => undefined);
  }
}
