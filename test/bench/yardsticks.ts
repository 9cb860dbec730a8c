import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import Docker from 'dockerode';
import { fastify } from 'fastify';
import { dockerEngine, isDockerPossible } from '../environment/docker.ts';
import { testImage } from '../environment/image.ts';
import { startNats } from '../environment/nats.ts';
import { makeScratch } from '../environment/scratch.ts';
import { monotonicMs, percentile, print, sideBySide, tell, timed } from './measure.ts';

/** A run whose yardsticks moved by more than this says so: its figures compare badly. */
const MOVED_MAX = 1.5;

const PAYLOAD = Buffer.alloc(400, 'x');
const STREAM = 'YARDSTICK';

type Yardsticks = ReadonlyMap<string, { readonly value: number; readonly unit: string }>;

/** Runs a bench between two readings of what the machine itself can do, and prints all three. */
export async function betweenYardsticks(
  bench: string,
  options: { readonly withDocker: boolean },
  run: (before: Yardsticks) => Promise<void>,
): Promise<void> {
  const before = await read(bench, 'before', options);
  await run(before);
  const after = await read(bench, 'after', options);
  for (const [name, { value }] of before) {
    const again = after.get(name)?.value ?? value;
    const moved = Math.max(value, again) / Math.min(value, again);
    if (moved <= MOVED_MAX) continue;
    print({ bench, metric: `yardstick_moved.${name}`, value: moved, unit: 'ratio' });
    tell(
      `the yardstick ${name} moved ${moved.toFixed(2)} times during the run: repeat it on a quiet machine`,
    );
  }
}

async function read(
  bench: string,
  when: string,
  { withDocker }: { readonly withDocker: boolean },
): Promise<Yardsticks> {
  const values = new Map<string, { readonly value: number; readonly unit: string }>();
  values.set('cpu_loop_ms', { value: cpuLoopMs(), unit: 'ms' });
  values.set('fdatasync_ms_p50', { value: fdatasyncMs(), unit: 'ms' });
  const nats = await startNats();
  try {
    const [servers] = nats.servers;
    const connection = await connect({
      servers: servers ?? '',
      user: nats.user,
      pass: nats.password,
    });
    for (const [name, reading] of await natsYardsticks(connection)) values.set(name, reading);
    await connection.close();
  } finally {
    await nats.stop();
  }
  if (withDocker && (await isDockerPossible())) {
    values.set('docker_start_ms_p50', { value: await dockerStartMs(), unit: 'ms' });
  }
  for (const [name, { value, unit }] of values)
    print({ bench, metric: `yardstick.${when}.${name}`, value, unit });
  return values;
}

function cpuLoopMs(): number {
  const startMs = monotonicMs();
  let sum = 0;
  for (let index = 0; index < 30_000_000; index++) sum = (sum * 31 + index) | 0;
  return monotonicMs() - startMs + (sum === 1 ? 1 : 0);
}

function fdatasyncMs(): number {
  const scratch = makeScratch('fdatasync');
  const file = openSync(join(scratch.path, 'file'), 'w');
  const times = Array.from({ length: 200 }, () => {
    const startMs = monotonicMs();
    writeSync(file, PAYLOAD);
    fdatasyncSync(file);
    return monotonicMs() - startMs;
  });
  closeSync(file);
  scratch.remove();
  return percentile(times, 0.5);
}

async function natsYardsticks(
  connection: NatsConnection,
): Promise<readonly (readonly [string, { readonly value: number; readonly unit: string }])[]> {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: STREAM, subjects: ['yardstick.>'] });
  const client = jetstream(connection);
  const publish = (index: number): Promise<unknown> =>
    client.publish(`yardstick.${index}`, PAYLOAD);
  for (let index = 0; index < 100; index++) await publish(index);
  const alone: number[] = [];
  for (let index = 0; index < 300; index++) alone.push(await timed(() => publish(index)));
  const rate = await pipelinedRate(publish);
  const { postMs, postsPerSecond } = await posts(publish);
  await manager.streams.delete(STREAM);
  return [
    ['publish_ms_p50', { value: percentile(alone, 0.5), unit: 'ms' }],
    ['publishes_per_s', { value: rate, unit: '1/s' }],
    ['post_ms_p50', { value: postMs, unit: 'ms' }],
    ['posts_per_s', { value: postsPerSecond, unit: '1/s' }],
  ];
}

/** Publishes a second with a bounded window, as the host's. */
export async function pipelinedRate(publish: (index: number) => Promise<unknown>): Promise<number> {
  const count = 10_000;
  const ms = await timed(() =>
    sideBySide(count, 256, async (index) => {
      await publish(index);
    }),
  );
  return (count / ms) * 1000;
}

/** The least that a gateway could do: a POST that appends one message. One at a time, and eight. */
async function posts(
  publish: (index: number) => Promise<unknown>,
): Promise<{ readonly postMs: number; readonly postsPerSecond: number }> {
  const server = fastify();
  server.post('/', async (request) => {
    await publish(0);
    return { echo: request.body };
  });
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  const post = async (): Promise<void> => {
    const body = JSON.stringify({ text: PAYLOAD.toString() });
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    await response.text();
  };
  const times: number[] = [];
  for (let index = 0; index < 300; index++) times.push(await timed(post));
  const count = 2_000;
  const ms = await timed(() => sideBySide(count, 8, post));
  await server.close();
  return { postMs: percentile(times.slice(50), 0.5), postsPerSecond: (count / ms) * 1000 };
}

async function dockerStartMs(): Promise<number> {
  const { socketPath } = await dockerEngine();
  const image = await testImage();
  const docker = new Docker({ socketPath });
  const times: number[] = [];
  for (let index = 0; index < 6; index++) times.push(await plainDockerStart(docker, image));
  return percentile(times, 0.5);
}

/** Milliseconds of create and start of one container of the image, as plain as a session's. */
export async function plainDockerStart(docker: Docker, image: string): Promise<number> {
  const startMs = monotonicMs();
  const container = await docker.createContainer({
    Image: image,
    Cmd: ['sleep', '600'],
    HostConfig: { Init: true },
  });
  await container.start();
  const ms = monotonicMs() - startMs;
  await container.remove({ force: true });
  return ms;
}
