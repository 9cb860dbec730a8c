/** Connects standard input and output with a port of this network; the first line tells how it went. */
import { createConnection } from 'node:net';
import { hostname } from 'node:os';

const port = Number(process.argv[2]);

function dial([host, ...others], first) {
  const there = createConnection({ host, port, allowHalfOpen: true });
  const failed = (cause) => {
    const told = first ?? cause.code ?? 'EIO';
    if (others.length > 0) dial(others, told);
    else process.stdout.write(`${told}\n`);
  };
  there.once('error', failed);
  there.once('connect', () => {
    there.off('error', failed);
    there.once('error', () => process.exit(1));
    there.setNoDelay(true);
    process.stdout.write('+\n');
    process.stdin.pipe(there);
    there.pipe(process.stdout);
  });
}

dial(['127.0.0.1', '::1', hostname()]);
