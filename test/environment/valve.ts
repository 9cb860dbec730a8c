import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';

/** A TCP or Unix socket in front of a server, which can be shut: connections stay, and nothing passes. */
export interface Valve extends AsyncDisposable {
  /** Of a TCP valve. */
  readonly port: number;
  /** Bytes that the server sent through it. */
  bytesPassed(): number;
  /** From now on nothing passes; new connections are taken and hear nothing. */
  shut(): void;
  /** Lets so many more of the server's bytes pass, then shuts. */
  shutAfter(bytes: number): void;
  isShut(): boolean;
  open(): void;
}

export async function openValve(
  server: NetConnectOpts,
  listenOn: { readonly path: string } | { readonly port: number },
): Promise<Valve> {
  const sockets = new Set<Socket>();
  let isShut = false;
  let passed = 0;
  let shutAt = Number.POSITIVE_INFINITY;
  const settle = (): void => {
    for (const socket of sockets) {
      if (isShut) socket.pause();
      else socket.resume();
    }
  };
  const listening = createServer((client) => {
    const upstream = connect(server);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        to.write(bytes);
        if (from !== upstream) return;
        passed += bytes.length;
        if (passed >= shutAt) {
          isShut = true;
          settle();
        }
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (isShut) from.pause();
    }
  });
  await new Promise<void>((resolve, reject) => {
    listening.once('error', reject);
    listening.listen({ host: '127.0.0.1', ...listenOn }, resolve);
  });
  const address = listening.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    bytesPassed: () => passed,
    isShut: () => isShut,
    shut() {
      isShut = true;
      settle();
    },
    shutAfter(bytes) {
      shutAt = passed + bytes;
    },
    open() {
      isShut = false;
      shutAt = Number.POSITIVE_INFINITY;
      settle();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listening.close(resolve));
    },
  };
}
