import { type KernelReport, type KernelSpec, systemClock } from '@orrery/bus';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelSpec } from '../../contract/driver/driver-bench.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { startRegistry, type TestRegistry } from '../../environment/docker-registry.ts';
import { pushImage } from '../../environment/pushed-image.ts';
import { openValve } from '../../environment/valve.ts';
import { AgentProcess } from './agent-process.ts';

const MEBIBYTE = 1024 * 1024;
const SLOTS = { cpu: '0.05', mem: String(64 * MEBIBYTE) };
const LOGIN = { username: 'puller', password: 'a-pässword-of-ours' };
const REFUSED_WITHIN_MS = 2_000;
const TOGETHER = 10;

interface Stage {
  agent: AgentProcess;
  docker: Docker;
  socketPath: string;
  open: TestRegistry;
  closed: TestRegistry;
}

const images = suite<Stage>('agent: images from a registry');

images.before(async (context) => {
  const { socketPath } = await dockerEngine();
  context.socketPath = socketPath;
  context.docker = new Docker({ socketPath });
  context.open = await startRegistry();
  context.closed = await startRegistry(LOGIN);
  context.agent = await AgentProcess.open({ driver: 'docker', dockerSocket: socketPath });
  await context.agent.start();
});
images.after(async ({ agent, open, closed }) => {
  await agent.close();
  await open.stop();
  await closed.stop();
});

images(
  'ten kernels of one image cause one pull, and each hears how far it is',
  async ({ agent, open }) => {
    const { reference } = await pushImage(open, { name: 'team/shared:1', layerBytes: [MEBIBYTE] });
    const specs = Array.from({ length: TOGETHER }, () => program(reference, 'exit 0'));
    const before = open.requests().length;
    for (const spec of specs) await agent.wish({ shall: 'run', revision: 1, spec });
    for (const spec of specs) assert.is((await agent.until(spec, 'exited')).exitCode, 0);
    const blobs = open
      .requests()
      .slice(before)
      .filter((line) => line.startsWith('GET') && line.includes('/blobs/'));
    // Both layers and the configuration once, and the configuration again when the agent looks at it.
    assert.is(blobs.length, 4, blobs.join('\n'));
    assert.is(new Set(blobs).size, 3);
    for (const spec of specs) {
      const [first] = agent.reportsOf(spec);
      assert.is(first?.state, 'pulling');
    }
    for (const spec of specs) await agent.beGone(spec);
  },
);

images(
  'a pull that a killed agent began is ended by its heir, and tells how far it is',
  async ({ agent, open }) => {
    const layerBytes = [MEBIBYTE, 8 * MEBIBYTE];
    const { reference } = await pushImage(open, { name: 'team/large:1', layerBytes });
    await using valve = await openValve({ port: port(open) }, { port: 0 });
    const slow = reference.replace(open.host, `127.0.0.1:${valve.port}`);
    const spec = program(slow, 'exit 4');
    // The files of the test image are there already, with another name.
    valve.shutAfter(5 * MEBIBYTE);
    await agent.wish({ shall: 'run', revision: 1, spec });
    await agent.poll(() => valve.isShut(), 'most of the image');
    await agent.poll(() => progressOf(agent, spec).length > 1, 'progress');
    await agent.end('SIGKILL');
    const told = agent.reports.length;
    await agent.start();
    valve.open();
    assert.is((await agent.until(spec, 'exited')).exitCode, 4);
    const again = agent.reports.slice(told).filter(({ kernel }) => kernel === spec.kernel);
    assert.not(again.some(({ report }) => report.state === 'failed'));
    const [last] = progressOf(agent, spec).toReversed();
    assert.ok((last?.bytesTotal ?? 0) > 9 * MEBIBYTE, 'the registry says how much is to come');
    await agent.beGone(spec);
  },
);

images(
  'a login that the gateway knows opens a closed registry, and is written nowhere',
  async ({ agent, closed }) => {
    const { reference } = await pushImage(closed, { name: 'team/private:1' });
    agent.registries.set(closed.host, { url: closed.url, ...LOGIN });
    const spec = program(reference, 'exit 5');
    await agent.wish({ shall: 'run', revision: 1, spec });
    assert.is((await agent.until(spec, 'exited')).exitCode, 5);
    const said = `${agent.log()}${JSON.stringify(agent.reports)}`;
    assert.not.match(said, LOGIN.password);
    assert.not.match(said, Buffer.from(LOGIN.password).toString('base64'));
    await agent.beGone(spec);
  },
);

images(
  'without the right login it is refused at once, in the words of the registry',
  async ({ agent, closed }) => {
    const { reference } = await pushImage(closed, { name: 'team/secret:1', isRunnable: false });
    agent.registries.set(closed.host, { url: closed.url, username: 'puller', password: 'wrong' });
    const failed = await failure(agent, program(reference, 'exit 0'));
    assert.is(failed.code, 'image-pull-refused');
    assert.match(failed.message, 'authentication required');
  },
);

images(
  'a wrong image fails within two seconds, in the words of the registry',
  async ({ agent, open }) => {
    const startedMs = systemClock.nowMs();
    const failed = await failure(agent, program(`${open.host}/team/never:7`, 'exit 0'));
    const tookMs = systemClock.nowMs() - startedMs;
    assert.is(failed.code, 'image-not-found');
    assert.match(failed.message, 'manifest unknown');
    assert.ok(tookMs <= REFUSED_WITHIN_MS, `${tookMs} ms`);
  },
);

images(
  'an image for other machines is refused before anything of it is loaded',
  async ({ agent, open }) => {
    const plan = { name: 'team/foreign:1', architecture: 's390x', isRunnable: false };
    const { reference } = await pushImage(open, { ...plan, layerBytes: [MEBIBYTE] });
    const before = open.requests().length;
    const failed = await failure(agent, program(reference, 'exit 0'));
    assert.is(failed.code, 'image-architecture-mismatch');
    assert.match(failed.message, /made for s390x, and this node is (x86_64|aarch64)/);
    // The configuration says for whom it is; of the layers nothing was asked for.
    const blobs = open
      .requests()
      .slice(before)
      .filter((line) => line.includes('/blobs/'));
    assert.is(blobs.length, 1);
  },
);

images('a registry that is away for a moment does not end the kernel', async ({ agent, open }) => {
  const { reference } = await pushImage(open, { name: 'team/patient:1' });
  const free = await openValve({ port: port(open) }, { port: 0 });
  const place = { port: free.port };
  await free[Symbol.asyncDispose]();
  const spec = program(reference.replace(open.host, `127.0.0.1:${place.port}`), 'exit 6');
  await agent.wish({ shall: 'run', revision: 1, spec });
  await agent.poll(() => agent.log().includes('a pull is tried again'), 'the first failure');
  await using _back = await openValve({ port: port(open) }, place);
  assert.is((await agent.until(spec, 'exited')).exitCode, 6);
  await agent.beGone(spec);
});

images.run();

const policies = suite<Stage>('agent: when an image is pulled');

policies.before(async (context) => {
  const { socketPath } = await dockerEngine();
  context.socketPath = socketPath;
  context.open = await startRegistry();
});
policies.after(async ({ open }) => {
  await open.stop();
  await (await dockerEngine()).stop();
});

policies(
  'by digest a tag that stands for another image by now is pulled again',
  async ({ open, socketPath }) => {
    const setting = { driver: 'docker', dockerSocket: socketPath } as const;
    const label = async (
      pullPolicy: 'digest' | 'tag',
      name: string,
    ): Promise<readonly string[]> => {
      const agent = await AgentProcess.open({ ...setting, pullPolicy });
      await agent.start();
      const docker = new Docker({ socketPath });
      const seen: string[] = [];
      for (const edition of ['first', 'second']) {
        const { reference } = await pushImage(open, { name, labels: { edition } });
        const spec = program(reference, 'exit 0');
        await agent.end('SIGTERM');
        await agent.start();
        await agent.wish({ shall: 'run', revision: 1, spec });
        await agent.until(spec, 'exited');
        const { Config } = await docker.getImage(reference).inspect();
        seen.push(String(Config.Labels?.['edition']));
      }
      await agent.close();
      return seen;
    };
    assert.equal(await label('digest', 'team/moving:1'), ['first', 'second']);
    assert.equal(await label('tag', 'team/moving:2'), ['first', 'first']);
  },
);

policies('a node that pulls none says so', async ({ open, socketPath }) => {
  const { reference } = await pushImage(open, { name: 'team/absent:1', isRunnable: false });
  const agent = await AgentProcess.open({
    driver: 'docker',
    dockerSocket: socketPath,
    pullPolicy: 'none',
  });
  await agent.start();
  const before = open.requests().length;
  assert.is((await failure(agent, program(reference, 'exit 0'))).code, 'image-not-here');
  assert.is(open.requests().length, before);
  await agent.close();
});

policies.run();

function program(image: string, text: string): KernelSpec {
  return kernelSpec(image, { command: ['sh', '-c', text], slots: SLOTS });
}

function port({ url }: TestRegistry): number {
  return Number(new URL(url).port);
}

async function failure(
  agent: AgentProcess,
  spec: KernelSpec,
): Promise<Extract<KernelReport, { readonly state: 'failed' }>> {
  await agent.wish({ shall: 'run', revision: 1, spec });
  return agent.until(spec, 'failed');
}

function progressOf(agent: AgentProcess, spec: KernelSpec) {
  return agent
    .reportsOf(spec)
    .flatMap((report) => (report.state === 'pulling' ? (report.progress ?? []) : []));
}
