import type { Socket } from 'node:net';
import { PortRefused, PortUnreachable } from './errors.ts';
import { connectHere } from './loopback.ts';

/** A connection in this machine's own network. @throws {PortRefused} | {PortUnreachable} */
export async function dialHere(port: number, signal: AbortSignal): Promise<Socket> {
  try {
    return await connectHere(port, signal);
  } catch (cause) {
    signal.throwIfAborted();
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    if (code === 'ECONNREFUSED') throw new PortRefused(port, { cause });
    throw new PortUnreachable(port, code, { cause });
  }
}
