import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connectBus, createLogger, type RecordedCommit } from '@orrery/bus';
import { openProjections, requestReport } from '@orrery/projections';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startNats, type TestNats } from '../../environment/nats.ts';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';
import { makeScratch } from '../../environment/scratch.ts';
import { LogBook, lifeOf } from '../../unit/projections/log-book.ts';
import { projected, Writer } from './stage.ts';

const MAIN = fileURLToPath(new URL('../../../projections/main.ts', import.meta.url));
const READY_WITHIN_MS = 20_000;

interface Context {
  nats: TestNats;
  postgres: TestPostgres;
  scratch: ReturnType<typeof makeScratch>;
  config: string;
}

const running = suite<Context>('projector process: real NATS and PostgreSQL');

running.before(async (context) => {
  context.nats = await startNats();
  context.postgres = await startPostgres();
  context.scratch = makeScratch('projector');
  context.config = join(context.scratch.path, 'orrery.toml');
  const { servers, user, password } = context.nats;
  const settings = [
    '[bus]',
    `servers = ${JSON.stringify(servers)}`,
    `user = "${user}"`,
    `password = "${password}"`,
    '[postgres]',
    `url = "${context.postgres.url}"`,
    '[gateway]',
    `masterKey = "${Buffer.alloc(32).toString('base64')}"`,
  ];
  writeFileSync(context.config, settings.join('\n'), { mode: 0o600 });
});
running.after(async ({ nats, postgres, scratch }) => {
  await nats.stop();
  await postgres.stop();
  scratch.remove();
});

/** Started, and ready. */
async function start(config: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [MAIN, '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const { stdout } = child;
  const deadline = AbortSignal.timeout(READY_WITHIN_MS);
  const lines = createInterface({ input: stdout, signal: deadline });
  for await (const line of lines) {
    if (line !== 'ready') continue;
    stdout.resume();
    return child;
  }
  throw new Error('the projector was not ready in time');
}

function connect({ servers, user, password }: TestNats) {
  const settings = { servers: [...servers], user, password, replicas: 1, partitions: 8 };
  return connectBus(settings, {
    name: 'test',
    logger: createLogger({ name: 'test', level: 'silent' }),
  });
}

running('it goes on through the death of itself, of PostgreSQL and of NATS', async (context) => {
  const { nats, postgres, config } = context;
  await using bus = await connect(nats);
  await using projections = openProjections(postgres.url);
  const writer = new Writer(bus);
  const book = new LogBook();
  for (let index = 0; index < 20; index += 1)
    for (const step of lifeOf(`session-${index}`, { kernels: 2 })) step(book);
  const parts = [0, 1, 2, 3, 4].map((part) => book.commits.slice(part * 36, part * 36 + 36));
  const takes = async (part: readonly RecordedCommit[] = []): Promise<void> => {
    const waiting = projected(bus.live, writer.lastSequence + part.length);
    await writer.append(part);
    await waiting;
  };
  let child = await start(config);
  await takes(parts[0]);

  child.kill('SIGKILL');
  await once(child, 'exit');
  await writer.append(parts[1] ?? []);
  child = await start(config);
  await projected(bus.live, writer.lastSequence);

  await postgres.kill('SIGKILL');
  const waiting = projected(bus.live, writer.lastSequence + (parts[2]?.length ?? 0));
  await writer.append(parts[2] ?? []);
  await postgres.restart();
  await waiting;

  await nats.kill('SIGKILL');
  await nats.restart();
  await takes(parts[3]);

  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.is(code, 0);
  child = await start(config);
  await takes(parts[4]);
  const answer = await requestReport(bus.live, 'rebuild');
  assert.ok(answer.ok);
  assert.equal(answer.value.differences, []);
  assert.is(answer.value.sequence, 180);
  const { sessionsByStatus } = await projections.clusterStatus({ kind: 'all' });
  assert.equal(sessionsByStatus, { TERMINATED: 20 });
  child.kill('SIGTERM');
  await once(child, 'exit');
});

running.run();
