import { parseArgs } from 'node:util';
import { append } from './append.ts';
import { auth } from './auth.ts';
import { backlog } from './backlog.ts';
import { exec } from './exec.ts';
import { latency } from './latency.ts';
import { lifecycle } from './lifecycle.ts';
import { rebuild } from './rebuild.ts';
import { recover } from './recover.ts';
import { schedule } from './schedule.ts';
import { start } from './start.ts';
import { stats } from './stats.ts';
import { submit } from './submit.ts';

const USAGE = `npm run bench -- NAME [options]
  latency                              how long a person waits for the answer, the agent, the container
  exec                                 how long a cell takes in an interpreter that runs already
  start                                wish to "running", to a plain start of the same container
  stats                                what statistics cost an agent with 100 kernels
  append                               commits a second through the host, to raw publishes
  auth                                 what it costs to know who asks, to a server that does not
  submit                               creates a second on 8 connections, and a thousand at once
  schedule [--agents N]                the pure decision: passes and placements a second, up to N
                                       agents and ten times as many sessions (default 10000)
  backlog [--nodes N] [--pending M] [--cancelled K]
                                       a full cluster of N nodes with M sessions that wait: placed when
                                       nodes are freed; K more are cancelled (1000, 10000, 50000)
  lifecycle [--nodes N] [--sessions M] whole sessions a second (default 10 nodes, 1000 sessions)
  rebuild [--events N] [--rate R]      all tables from a log of N events (default 1000000), and the
                                       lag at R events a second (default 1000)
  recover [--live N] [--pending N] [--events N]
                                       take-over from a killed host, cold starts (10000, 50000, 1000000)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    agents: { type: 'string', default: '10000' },
    nodes: { type: 'string' },
    sessions: { type: 'string', default: '1000' },
    events: { type: 'string', default: '1000000' },
    rate: { type: 'string', default: '1000' },
    live: { type: 'string', default: '10000' },
    pending: { type: 'string' },
    cancelled: { type: 'string', default: '50000' },
  },
});

const benches: Readonly<Record<string, () => Promise<void>>> = {
  latency,
  exec,
  start,
  stats,
  append,
  auth,
  submit,
  schedule: () => schedule({ agentsMax: Number(values.agents) }),
  rebuild: () => rebuild({ events: Number(values.events), eventsPerSecond: Number(values.rate) }),
  backlog: () =>
    backlog({
      nodes: Number(values.nodes ?? 1000),
      pending: Number(values.pending ?? 10_000),
      cancelled: Number(values.cancelled),
    }),
  lifecycle: () =>
    lifecycle({ nodes: Number(values.nodes ?? 10), sessions: Number(values.sessions) }),
  recover: () =>
    recover({
      live: Number(values.live),
      pending: Number(values.pending ?? 50_000),
      events: Number(values.events),
    }),
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
