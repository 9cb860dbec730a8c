import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bus, connectBus, derivedId, type ImageCommand, imageId } from '@orrery/bus';
import { startNats, type TestNats } from '../environment/nats.ts';
import { makeScratch } from '../environment/scratch.ts';
import { monotonicMs, percentile, print, sideBySide, timed } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const CONTROL = fileURLToPath(new URL('../../actors/control/main.ts', import.meta.url));
const COMMANDS = 10_000;
const ALONE = 300;

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
      const { commitsPerSecond, commitMs } = await hostRun(bus, nats, scratch.path);
      const raw = before.get('publishes_per_s')?.value ?? Number.NaN;
      print({ bench: 'append', metric: 'commits_per_s', value: commitsPerSecond, unit: '1/s' });
      print({
        bench: 'append',
        metric: 'commit_ratio',
        value: commitsPerSecond / raw,
        unit: 'ratio',
      });
      print({ bench: 'append', metric: 'commit_ms_p50', value: commitMs, unit: 'ms' });
      const publishMs = before.get('publish_ms_p50')?.value ?? Number.NaN;
      const ratio = commitMs / publishMs;
      print({ bench: 'append', metric: 'commit_ms_ratio', value: ratio, unit: 'ratio' });
      await bus[Symbol.asyncDispose]();
    } finally {
      await nats.stop();
      scratch.remove();
    }
  });
}

async function hostRun(
  bus: Bus,
  nats: TestNats,
  directory: string,
): Promise<{ readonly commitsPerSecond: number; readonly commitMs: number }> {
  const settings = join(directory, 'settings.toml');
  const servers = JSON.stringify(nats.servers);
  const natsText = `[bus]\nservers = ${servers}\nuser = "${nats.user}"\npassword = "${nats.password}"\n`;
  writeFileSync(settings, `${natsText}[postgres]\nurl = ""\n[gateway]\nmasterKey = ""\n`);
  const reading = new AbortController();
  const counted = countCommits(bus, reading.signal);
  const host = spawn(process.execPath, [CONTROL, '--config', settings], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const commitsPerSecond = await counted;
  const times: number[] = [];
  for (let index = 0; index < ALONE; index++) {
    const envelope = commandOf(COMMANDS + index);
    times.push(await timed(() => bus.inbox.request(envelope, AbortSignal.timeout(10_000))));
  }
  reading.abort();
  host.kill('SIGTERM');
  await once(host, 'exit');
  return { commitsPerSecond, commitMs: percentile(times, 0.5) };
}

/** Between the first tenth, when the host is warm, and the last commit. */
async function countCommits(bus: Bus, signal: AbortSignal): Promise<number> {
  let commits = 0;
  let warmMs = 0;
  let warmCommits = 0;
  for await (const batch of bus.log.follow({ afterSequence: 0, signal })) {
    commits += batch.length;
    if (warmMs === 0 && commits >= COMMANDS / 10) {
      warmMs = monotonicMs();
      warmCommits = commits;
    }
    if (commits >= COMMANDS) break;
  }
  return ((commits - warmCommits) / (monotonicMs() - warmMs)) * 1000;
}

function commandOf(index: number): Parameters<Bus['inbox']['send']>[0] {
  const reference = `bench/image:${index}`;
  const command: ImageCommand = { type: 'register', reference };
  return {
    id: derivedId('bench', reference),
    aggregate: 'image',
    aggregateId: imageId(reference),
    actor: { kind: 'system', id: 'bench' },
    sentAtMs: 0,
    command,
  };
}
