import { createServer, type Socket } from 'node:net';
import { firstLine, THROUGH } from './greeting.ts';
import { connectHere } from './loopback.ts';

/**
 * Runs in the network of a kernel and on the files of the node: takes connections at the socket that it is given,
 * hears the number of a port on each, and connects it with that port. Ends with the one who started it.
 */
function main([path = '']: readonly string[]): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    void serve(socket);
  });
  server.listen(path, () => process.stdout.write('ready\n'));
  process.stdin.resume();
  process.stdin.once('end', () => process.exit(0));
}

async function serve(socket: Socket): Promise<void> {
  try {
    const port = Number(await firstLine(socket));
    const there = await connectHere(port);
    there.on('error', () => socket.resetAndDestroy());
    socket.on('close', () => socket.readableEnded || there.destroy());
    socket.write(`${THROUGH}\n`);
    socket.pipe(there);
    there.pipe(socket);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    socket.end(`${code}\n`);
  }
}

main(process.argv.slice(2));
