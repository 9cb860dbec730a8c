import type { KernelReport, KernelSpec } from '@orrery/bus';
import { systemClock } from '@orrery/bus';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelSpec } from '../../contract/driver/driver-bench.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';
import { AgentProcess } from './agent-process.ts';

/** From the agent's being ready to the last word about what happened while it was down. */
const TOLD_WITHIN_MS = 2_000;
const ONLY_GOING = 22;
const EXIT_CODES = [0, 1, 3, 7, 42];
const OUT_OF_MEMORY = 2;
/** So that thirty fit on two cores. */
const SLOTS = { cpu: '0.05', mem: String(32 * 1024 * 1024) };
/** Programs wait for a file before they do what they are for, so that nothing happens too early. */
const WHEN_TOLD = 'while [ ! -e /tmp/go ]; do sleep 0.05; done';
const EAT = `python3 -c 'x = "x" * (512 << 20); print(len(x))'`;

interface Stage {
  agent: AgentProcess;
  docker: Docker;
  image: string;
}

const life = suite<Stage>('agent: what happens while it is down');

life.before(async (context) => {
  const { socketPath } = await dockerEngine();
  context.image = await testImage();
  context.docker = new Docker({ socketPath });
  context.agent = await AgentProcess.open({ driver: 'docker', dockerSocket: socketPath });
  await context.agent.start();
});
life.after(async ({ agent }) => {
  await agent.close();
});

life(
  'of thirty containers each is told as what became of it, and none is started again',
  async ({ agent, docker, image }) => {
    const going = many(ONLY_GOING, () =>
      kernelSpec(image, { sessionType: 'interactive', command: null, slots: SLOTS }),
    );
    const ending = EXIT_CODES.map((code) => script(image, `${WHEN_TOLD}; exit ${code}`));
    const hungry = many(OUT_OF_MEMORY, () => script(image, `${WHEN_TOLD}; ${EAT}`));
    const removed = script(image, 'sleep 600');
    const all = [...going, ...ending, ...hungry, removed];
    for (const spec of all) await agent.wish({ shall: 'run', revision: 1, spec });
    for (const spec of all) await agent.until(spec, 'running');
    const before = new Map(all.map((spec) => [spec.kernel, containerOf(agent, spec)]));

    await agent.end('SIGKILL');
    const ids = [...ending, ...hungry].map((spec) => before.get(spec.kernel) ?? '');
    await Promise.all(ids.map((id) => touch(docker, id)));
    await Promise.all(ids.map((id) => docker.getContainer(id).wait()));
    await docker.getContainer(before.get(removed.kernel) ?? '').remove({ force: true });
    const told = agent.reports.length;
    await agent.start();
    const readyMs = systemClock.nowMs();

    const since = (spec: KernelSpec): readonly KernelReport[] =>
      agent.reports.slice(told).flatMap((one) => (one.kernel === spec.kernel ? [one.report] : []));
    const wanted = (spec: KernelSpec) => (going.includes(spec) ? 'running' : 'exited');
    await agent.poll(
      () => all.every((spec) => since(spec).some(({ state }) => state === wanted(spec))),
      'a word about every kernel',
    );
    const withinMs = systemClock.nowMs() - readyMs;

    for (const [at, spec] of ending.entries())
      assert.equal(summary(since(spec)), [['exited', EXIT_CODES[at], false, 'self-terminated']]);
    for (const spec of hungry)
      assert.equal(summary(since(spec)), [['exited', 137, true, 'self-terminated']]);
    assert.equal(summary(since(removed)), [['exited', null, false, 'container-not-found']]);
    for (const spec of going) {
      assert.equal(new Set(since(spec).map(({ state }) => state)), new Set(['running']));
      const { State } = await docker.getContainer(before.get(spec.kernel) ?? '').inspect();
      assert.is(State.Running, true);
    }
    const there = await docker.listContainers({ all: true });
    const kernels = new Set(all.map(({ kernel }) => kernel));
    const left = there.filter(({ Labels }) =>
      Object.values(Labels).some((text) => kernels.has(text)),
    );
    assert.equal(
      left.map(({ Id }) => Id).toSorted(),
      going.map(({ kernel }) => before.get(kernel) ?? '').toSorted(),
    );
    process.stdout.write(`  the last word came ${withinMs} ms after the agent was ready\n`);
    assert.ok(withinMs <= TOLD_WITHIN_MS, `the last word came after ${withinMs} ms`);
    for (const spec of all) await agent.beGone(spec);
    for (const spec of going) await agent.until(spec, 'exited');
  },
);

life.run();

function many(count: number, make: () => KernelSpec): readonly KernelSpec[] {
  return Array.from({ length: count }, make);
}

function script(image: string, text: string): KernelSpec {
  return kernelSpec(image, { command: ['sh', '-c', text], slots: SLOTS });
}

function containerOf(agent: AgentProcess, spec: KernelSpec): string {
  const running = agent.reportsOf(spec).find(({ state }) => state === 'running');
  if (running?.state !== 'running') throw new Error(`${spec.kernel} does not run`);
  return running.containerId;
}

async function touch(docker: Docker, id: string): Promise<void> {
  const exec = await docker.getContainer(id).exec({ Cmd: ['touch', '/tmp/go'] });
  await exec.start({ Detach: true });
}

/** Ends without repetitions: what is told again is told in the same words. */
function summary(reports: readonly KernelReport[]): readonly (readonly unknown[])[] {
  const ends = reports.flatMap((report) =>
    report.state === 'exited'
      ? [JSON.stringify(['exited', report.exitCode, report.wasOutOfMemory, report.reason])]
      : [report.state],
  );
  return [...new Set(ends)].map((text) => JSON.parse(text));
}
