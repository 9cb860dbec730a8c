import { OrreryError, PeerFailed } from '@orrery/bus';
import type { RawData, WebSocket } from 'ws';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { failureOf, logFailure } from '../graphql/error-form.ts';

export const CLOSE_NORMAL = 1000;
const CLOSE_FAILED = 1011;
const CLOSE_UNAUTHORIZED = 4401;

/** The answer to the closing must be read, so a paused socket goes on. */
export function closeSocket(socket: WebSocket, code: number): void {
  socket.close(code);
  socket.resume();
}

/** Resolves when the frame has left this process, so that a slow client slows the program down. */
export function sendFrame(socket: WebSocket, frame: object): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    socket.send(JSON.stringify(frame), () => resolve());
    return undefined;
  });
}

/** @throws {RequestFailed} `INPUT_INVALID` */
export function parseJsonFrame(message: RawData): unknown {
  try {
    return JSON.parse(String(message));
  } catch (cause) {
    throw new RequestFailed('INPUT_INVALID', 'A frame is JSON text.', { cause });
  }
}

export interface ToldFailure {
  readonly code: string;
  readonly message: string;
  /** Whether the same may go well later with nobody changing anything. */
  readonly isRetryable: boolean;
  readonly closeCode: number;
}

/** What a client is told of a failure, before the socket is closed with the code. */
export function toldFailure(error: unknown, { logger }: Gateway): ToldFailure {
  if (error instanceof PeerFailed) {
    const { peerCode: code, message } = error;
    const isRetryable = code.startsWith('bus.') || code.endsWith('-unavailable');
    return { code, message, isRetryable, closeCode: CLOSE_FAILED };
  }
  const failure = failureOf(error);
  logFailure(failure, logger);
  const { code, isRetryable } = failure;
  const closeCode = code === 'TICKET_INVALID' ? CLOSE_UNAUTHORIZED : CLOSE_FAILED;
  const message =
    error instanceof OrreryError && code === 'UNAVAILABLE' ? error.message : failure.message;
  return { code, message, isRetryable, closeCode };
}
