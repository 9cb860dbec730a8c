import { parseArgs } from 'node:util';
import { append } from './append.ts';
import { latency } from './latency.ts';
import { lifecycle } from './lifecycle.ts';
import { submit } from './submit.ts';

const USAGE = `npm run bench -- NAME [options]
  latency                              how long a person waits for the answer, the agent, the container
  append                               commits a second through the host, to raw publishes
  submit                               creates a second on 8 connections, and a thousand at once
  lifecycle [--nodes N] [--sessions M] whole sessions a second (default 10 nodes, 1000 sessions)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string', default: '10' },
    sessions: { type: 'string', default: '1000' },
  },
});

const benches: Readonly<Record<string, () => Promise<void>>> = {
  latency,
  append,
  submit,
  lifecycle: () => lifecycle({ nodes: Number(values.nodes), sessions: Number(values.sessions) }),
};

const [name = ''] = positionals;
const bench = benches[name];
if (bench === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else {
  await bench();
  process.exit();
}
