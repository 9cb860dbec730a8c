import { createConnection, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';

/**
 * A connection to whatever listens at the port in this process's own network: on loopback, else on one of its other
 * addresses. Either side may end first.
 * @throws what the system said of the first address.
 */
export async function connectHere(port: number, signal?: AbortSignal): Promise<Socket> {
  let first: unknown;
  for (const host of addresses()) {
    try {
      return await connectTo(host, port, signal);
    } catch (cause) {
      first ??= cause;
      signal?.throwIfAborted();
    }
  }
  throw first;
}

function addresses(): readonly string[] {
  const others = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const outer = others.filter(({ internal, scopeid = 0 }) => !internal && scopeid === 0);
  return ['127.0.0.1', '::1', ...outer.map(({ address }) => address)];
}

function connectTo(host: string, port: number, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, allowHalfOpen: true });
    const stop = (): void =>
      void socket.destroy(new Error('the connection is not wanted any more'));
    signal?.addEventListener('abort', stop, { once: true });
    const settled = (): void => {
      socket.off('error', failed);
      signal?.removeEventListener('abort', stop);
    };
    const failed = (cause: unknown): void => {
      settled();
      reject(cause);
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      settled();
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}
