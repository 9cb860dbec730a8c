import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import {
  type Bus,
  connectBus,
  derivedId,
  type ImageCommand,
  imageId,
  systemClock,
} from '@orrery/bus';
import { startNats, type TestNats } from '../environment/nats.ts';
import { makeScratch } from '../environment/scratch.ts';
import { monotonicMs, percentile, print, sideBySide, timed } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const CONTROL = fileURLToPath(new URL('../../actors/control/main.ts', import.meta.url));
const COMMANDS = 10_000;
const ALONE = 300;
const SENT_AT_MS = systemClock.nowMs();

/** Commits a second through inbox, decider, host and log, of commands that wait for the host. */
export async function append(): Promise<void> {
  await betweenYardsticks('append', { withDocker: false }, async (before) => {
    const nats = await startNats();
    const scratch = makeScratch('append');
    try {
      const { servers, user, password } = nats;
      const bus = await connectBus(
        { servers: [...servers], user, password, replicas: 1, partitions: 8 },
        { name: 'bench' },
      );
      await sideBySide(COMMANDS, 256, (index) => bus.inbox.send(commandOf(index)));
      const { commitsPerSecond, commitMs, publishMs } = await hostRun(bus, nats, scratch.path);
      const raw = before.get('publishes_per_s')?.value ?? Number.NaN;
      print({ bench: 'append', metric: 'commits_per_s', value: commitsPerSecond, unit: '1/s' });
      print({
        bench: 'append',
        metric: 'commit_ratio',
        value: commitsPerSecond / raw,
        unit: 'ratio',
      });
      print({ bench: 'append', metric: 'commit_ms_p50', value: commitMs, unit: 'ms' });
      print({ bench: 'append', metric: 'publish_ms_p50', value: publishMs, unit: 'ms' });
      const ratio = commitMs / publishMs;
      print({ bench: 'append', metric: 'commit_ms_ratio', value: ratio, unit: 'ratio' });
      await bus[Symbol.asyncDispose]();
    } finally {
      await nats.stop();
      scratch.remove();
    }
  });
}

interface HostRun {
  readonly commitsPerSecond: number;
  /** Medians of one commit at a time, and of one raw publish of its size after each. */
  readonly commitMs: number;
  readonly publishMs: number;
}

async function hostRun(bus: Bus, nats: TestNats, directory: string): Promise<HostRun> {
  const settings = join(directory, 'settings.toml');
  const servers = JSON.stringify(nats.servers);
  const natsText = `[bus]\nservers = ${servers}\nuser = "${nats.user}"\npassword = "${nats.password}"\n`;
  writeFileSync(settings, `${natsText}[postgres]\nurl = ""\n[gateway]\nmasterKey = ""\n`);
  const reading = new AbortController();
  const counted = countCommits(bus, reading.signal);
  const host = spawn(process.execPath, [CONTROL, '--config', settings], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const { commitsPerSecond, commitBytes } = await counted;
  const alone = await oneAtATime(bus, nats, commitBytes);
  reading.abort();
  host.kill('SIGTERM');
  await once(host, 'exit');
  return { commitsPerSecond, ...alone };
}

/** In turns, so that whatever else the machine does meets both alike. */
async function oneAtATime(
  bus: Bus,
  nats: TestNats,
  commitBytes: number,
): Promise<Pick<HostRun, 'commitMs' | 'publishMs'>> {
  const connection = await connect({
    servers: [...nats.servers],
    user: nats.user,
    pass: nats.password,
  });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'RAW', subjects: ['raw.>'] });
  const raw = jetstream(connection);
  const payload = Buffer.alloc(commitBytes, 'x');
  const commits: number[] = [];
  const publishes: number[] = [];
  for (let index = 0; index < ALONE; index++) {
    const envelope = commandOf(COMMANDS + index);
    commits.push(await timed(() => bus.inbox.request(envelope, AbortSignal.timeout(10_000))));
    publishes.push(await timed(() => raw.publish(`raw.${index}`, payload)));
  }
  await connection.close();
  return { commitMs: percentile(commits, 0.5), publishMs: percentile(publishes, 0.5) };
}

/** Between the first tenth, when the host is warm, and the last commit; and the bytes of that one. */
async function countCommits(
  bus: Bus,
  signal: AbortSignal,
): Promise<{ readonly commitsPerSecond: number; readonly commitBytes: number }> {
  let commits = 0;
  let warmMs = 0;
  let warmCommits = 0;
  let commitBytes = 0;
  for await (const batch of bus.log.followMessages({ afterSequence: 0, signal })) {
    commits += batch.length;
    commitBytes = batch.at(-1)?.body.byteLength ?? commitBytes;
    if (warmMs === 0 && commits >= COMMANDS / 10) {
      warmMs = monotonicMs();
      warmCommits = commits;
    }
    if (commits >= COMMANDS) break;
  }
  const commitsPerSecond = ((commits - warmCommits) / (monotonicMs() - warmMs)) * 1000;
  return { commitsPerSecond, commitBytes };
}

function commandOf(index: number): Parameters<Bus['inbox']['send']>[0] {
  const reference = `bench/image:${index}`;
  const command: ImageCommand = { type: 'register', reference };
  return {
    id: derivedId('bench', reference),
    aggregate: 'image',
    aggregateId: imageId(reference),
    actor: { kind: 'system', id: 'bench' },
    sentAtMs: SENT_AT_MS,
    command,
  };
}
