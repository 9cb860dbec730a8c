import { randomBytes, randomUUID } from 'node:crypto';
import {
  agentLive,
  systemClock as clock,
  createLogger,
  createMemoryBroker,
  StreamInput,
  type StreamOutput,
  StreamRequest,
  serveDuplex,
} from '@orrery/bus';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContainerDriver } from '../../../actors/agent/container-driver.ts';
import { ContainerPorts } from '../../../actors/agent/docker/container-ports.ts';
import { connectDocker } from '../../../actors/agent/docker/docker-driver.ts';
import type { KernelDesk } from '../../../actors/agent/kernel-desk.ts';
import { servePort } from '../../../actors/agent/ports/serve-port.ts';
import { HOST_IMAGE, ProcessDriver } from '../../../actors/agent/process/process-driver.ts';
import { openTcp } from '../../../gateway/inside/open-tcp.ts';
import { within } from '../../contract/driver/driver-bench.ts';
import { listen, sendAndReceive } from '../../contract/driver/port-tests.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';
import { makeScratch } from '../../environment/scratch.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const NODE = 'node-a';
const MEBIBYTE = 1024 * 1024;
/** Nothing of these kernels is ever under way. */
const desk = { settled: () => Promise.resolve() } as unknown as KernelDesk;

/** The ports of a driver's kernels, over a bus. */
function serve(driver: ContainerDriver) {
  const bus = createMemoryBroker({ clock }).connect();
  const stop = new AbortController();
  const done = serveDuplex<StreamRequest, StreamInput, StreamOutput>(
    bus.live,
    agentLive.streams(NODE),
    async (request, stream) => {
      if (request.kind === 'port') await servePort({ driver, desk }, request, stream);
    },
    { clock, logger, first: StreamRequest, incoming: StreamInput, signal: stop.signal },
  );
  return {
    open: (kernel: string, port: number, signal = within()) =>
      openTcp({ bus, clock }, { node: NODE, kernel }, port, signal),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

const ports = suite('ports: a stream to a port of a kernel');

ports('bytes go both ways over the bus, and either side ends by itself', async () => {
  const scratch = makeScratch('ports');
  const driver = new ProcessDriver({
    directory: scratch.path,
    clock,
    logger,
    environ: { PATH: process.env['PATH'] ?? '' },
  });
  await using served = serve(driver);
  const { kernel, port } = await listen(driver, HOST_IMAGE);
  for (const sent of [randomBytes(8 * MEBIBYTE), Buffer.alloc(0)])
    await sendAndReceive(await served.open(kernel, port), sent);
  const refused = await served.open(kernel, 1).catch((failure: unknown) => failure);
  assert.is(refused instanceof Error && 'peerCode' in refused && refused.peerCode, 'port-refused');
  const left = new AbortController();
  const stream = await served.open(kernel, port, left.signal);
  const failed = new Promise<Error>((resolve) => void stream.once('error', resolve));
  stream.resume();
  left.abort();
  assert.is((await failed).name, 'StreamBroken');
  await driver.remove(kernel, within());
  scratch.remove();
});

ports('an agent that may not enter the networks connects with what the image has', async () => {
  await using bench = await openDocker('by program');
  const { driver, target } = bench;
  for (const sent of [randomBytes(MEBIBYTE), Buffer.from('second')])
    await sendAndReceive(await driver.dial(target, within()), sent);
  const refused = await driver.dial({ ...target, port: 1 }, within()).catch((failure) => failure);
  assert.is(refused.code, 'port-refused');
});

ports('an agent that may enter them needs nothing of the image', async () => {
  if (process.getuid?.() !== 0) return;
  await using bench = await openDocker('from inside');
  const { docker, driver, target } = bench;
  const { id = '' } = (await driver.find(target.kernel, within())) ?? {};
  using inside = new ContainerPorts({
    docker,
    clock,
    logger,
    entersNetworks: true,
    containerOf: () => Promise.resolve(id),
    exec: () => Promise.reject(new Error('a program of the image was asked for')),
  });
  const sent = randomBytes(MEBIBYTE);
  // Side by side, over one process.
  const streams = await Promise.all([1, 2, 3].map(() => inside.dial(target, within())));
  for (const stream of streams) await sendAndReceive(stream, sent);
});

async function openDocker(way: 'by program' | 'from inside') {
  const { socketPath } = await dockerEngine();
  const docker = new Docker({ socketPath });
  const scratch = makeScratch('ports');
  const driver = await connectDocker(
    {
      docker,
      owner: { node: NODE, installation: randomUUID() },
      scratchRoot: scratch.path,
      images: {
        registries: { find: async () => undefined },
        policy: 'tag',
        removal: { unusedMsMax: undefined, freePercentMin: 0 },
      },
      clock,
      logger,
      entersNetworks: way === 'from inside',
    },
    within(),
  );
  const target = await listen(driver, await testImage());
  return {
    docker,
    driver,
    target,
    async [Symbol.asyncDispose]() {
      await driver.remove(target.kernel, within());
      await driver[Symbol.asyncDispose]();
      scratch.remove();
    },
  };
}

ports.run();
