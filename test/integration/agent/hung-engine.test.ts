import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type KernelSpec, systemClock } from '@orrery/bus';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelSpec } from '../../contract/driver/driver-bench.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';
import { openValve, type Valve } from '../../environment/valve.ts';
import { AgentProcess } from './agent-process.ts';

/** The engine's silence, the question after it, and some room for a busy machine. */
const GIVEN_UP_WITHIN_MS = 45_000;

interface Stage {
  agent: AgentProcess;
  docker: Docker;
  image: string;
  valve: Valve;
  directory: string;
}

const hung = suite<Stage>('agent: an engine that hangs');

hung.before(async (context) => {
  const { socketPath } = await dockerEngine();
  context.docker = new Docker({ socketPath });
  context.image = await testImage();
  context.directory = mkdtempSync('/tmp/orrery-valve-');
  const path = join(context.directory, 'engine.sock');
  context.valve = await openValve({ path: socketPath }, { path });
  context.agent = await AgentProcess.open({ driver: 'docker', dockerSocket: path });
  await context.agent.start();
});
hung.after(async ({ agent, valve, directory }) => {
  await agent.close();
  await valve[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
  await (await dockerEngine()).stop();
});

hung(
  'a start is given up with the reason, and nothing of it is left once it answers again',
  async ({ agent, docker, image, valve }) => {
    const before = kernelSpec(image, { sessionType: 'interactive', command: null });
    await agent.wish({ shall: 'run', revision: 1, spec: before });
    const { containerId } = await agent.until(before, 'running');
    valve.shut();
    const spec = kernelSpec(image, { sessionType: 'interactive', command: null });
    const askedMs = systemClock.nowMs();
    await agent.wish({ shall: 'run', revision: 1, spec });
    const failed = await agent.until(spec, 'failed');
    assert.is(failed.code, 'engine-unavailable');
    assert.match(failed.message, 'the container engine did not answer');
    assert.ok(systemClock.nowMs() - askedMs < GIVEN_UP_WITHIN_MS);
    await agent.poll(() => agent.troubles().length > 0, 'that the node is troubled');
    assert.equal(
      agent.troubles().map(({ code, message }) => [code, message]),
      [['engine-silent', 'the container engine does not answer']],
    );

    await agent.beGone(spec);
    valve.open();
    await agent.poll(() => agent.reportsOf(spec).length > 1, 'that it is gone');
    await agent.poll(() => agent.troubles().length === 0, 'that the node is well again');
    // The engine does what it was asked for when it awakes, before or after it was said that it is gone.
    await agent.poll(() => wasDestroyed(docker, spec, askedMs), 'the end of what came too late');
    assert.equal(await containersOf(docker, spec), []);
    const { State } = await docker.getContainer(containerId).inspect();
    assert.is(State.Running, true, 'what ran before goes on');

    const after = kernelSpec(image, { sessionType: 'interactive', command: null });
    await agent.wish({ shall: 'run', revision: 1, spec: after });
    await agent.until(after, 'running');
    for (const each of [before, after]) await agent.beGone(each);
    for (const each of [before, after]) await agent.until(each, 'exited');
  },
);

hung(
  'an end waits until it answers again, and is told then',
  async ({ agent, docker, image, valve }) => {
    const spec = kernelSpec(image, { sessionType: 'interactive', command: null });
    await agent.wish({ shall: 'run', revision: 1, spec });
    await agent.until(spec, 'running');
    valve.shut();
    await agent.beGone(spec);
    const asked = {
      shall: 'report',
      revision: 3,
      kernel: spec.kernel,
      session: spec.session,
    } as const;
    await agent.wish(asked);
    assert.equal(
      agent.reportsOf(spec).filter(({ state }) => state !== 'running'),
      [],
    );
    valve.open();
    assert.is((await agent.until(spec, 'exited')).reason, 'user-requested');
    assert.equal(await containersOf(docker, spec), []);
  },
);

hung.run();

async function containersOf(docker: Docker, { kernel }: KernelSpec): Promise<readonly string[]> {
  const there = await docker.listContainers({ all: true });
  return there.filter(({ Labels }) => Object.values(Labels).includes(kernel)).map(({ Id }) => Id);
}

/** As the engine itself tells it. */
async function wasDestroyed(
  docker: Docker,
  { kernel }: KernelSpec,
  sinceMs: number,
): Promise<boolean> {
  const stream = await docker.getEvents({
    since: Math.floor(sinceMs / 1_000),
    until: Math.ceil(systemClock.nowMs() / 1_000),
    filters: { type: ['container'], event: ['destroy'] },
  });
  let said = '';
  for await (const piece of stream) said += String(piece);
  return said.includes(kernel);
}
