import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { OrreryClient } from '../../client/client.ts';
import type { CommandContext } from '../context.ts';
import { OutcomeUnwanted, UsageWrong } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';

const PORT_MAX = 65_535;
const LOOPBACK = '127.0.0.1';
const ROUTE = /^(?:(\d{1,5}):)?(\d{1,5})$/;

interface Route {
  /** 0: a free one. */
  readonly local: number;
  readonly port: number;
}

/** Listens on loopback until it is interrupted. JSON: `local` and `port` of each, one a line. */
export async function forwardPorts(
  context: CommandContext,
  reference: string,
  words: readonly string[],
): Promise<undefined> {
  const { output, signal } = context;
  const routes = words.map(parseRoute);
  const client = await context.client();
  const { id: sessionId, name, status } = await lookUpSession(client, reference, signal);
  if (status !== 'RUNNING')
    throw new OutcomeUnwanted('session-not-running', `the session ${name} is ${status}`);
  const servers: Server[] = [];
  try {
    for (const { local, port } of routes) {
      const server = await listen(context, { client, sessionId, port, local });
      servers.push(server);
      const address = server.address();
      const bound = typeof address === 'object' ? (address?.port ?? local) : local;
      await output.element(
        { local: bound, port },
        () => `${LOOPBACK}:${bound} leads to port ${port} of ${name}; Ctrl-C ends it`,
      );
    }
    await once(signal, 'abort');
    signal.throwIfAborted();
  } finally {
    for (const server of servers) server.close();
  }
}

/** @throws {UsageWrong} */
function parseRoute(word: string): Route {
  const [, local, port = ''] = ROUTE.exec(word) ?? [];
  const route = { local: Number(local ?? port), port: Number(port) };
  if (route.port < 1 || route.port > PORT_MAX || route.local > PORT_MAX)
    throw new UsageWrong(
      `${JSON.stringify(word)} is no port; write PORT or LOCAL:PORT, from 1 to ${PORT_MAX} (LOCAL 0: a free one)`,
    );
  return route;
}

async function listen(
  context: CommandContext,
  to: {
    readonly client: OrreryClient;
    readonly sessionId: string;
    readonly port: number;
    readonly local: number;
  },
): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => void carry(context, to, socket));
  server.listen(to.local, LOOPBACK);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new OutcomeUnwanted(
      'port-taken',
      `port ${to.local} of this machine cannot be listened at (${code}); choose another as LOCAL:PORT`,
    );
  }
  return server;
}

async function carry(
  { output, signal }: CommandContext,
  { client, sessionId, port }: Parameters<typeof listen>[1],
  socket: Socket,
): Promise<void> {
  const leave = (): void => void socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', leave));
  socket.on('error', leave);
  try {
    const stream = await client.ssh.openPort({ sessionId, port }, signal);
    socket.once('close', () => stream.destroy());
    stream.once('error', (cause) => {
      leave();
      void output.note(`port ${port}: ${cause.message}`);
    });
    socket.pipe(stream);
    stream.pipe(socket);
  } catch (cause) {
    leave();
    if (!signal.aborted) await output.note(`port ${port}: ${String(cause)}`);
  }
}
