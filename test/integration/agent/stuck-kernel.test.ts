import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelSpec } from '../../contract/driver/driver-bench.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';
import { AgentProcess } from './agent-process.ts';

/** What is frozen by the first version of control groups cannot even be killed, as what waits for a broken disk. */
const FREEZERS = '/sys/fs/cgroup/freezer';
const canFreeze = existsSync(`${FREEZERS}/cgroup.procs`);

const stuck = suite('agent: a program that survives its kill');

const test = canFreeze ? stuck : stuck.skip;

test('is told of with the reason, and is gone once it can be killed', async () => {
  const { socketPath } = await dockerEngine();
  const docker = new Docker({ socketPath });
  const agent = await AgentProcess.open({ driver: 'docker', dockerSocket: socketPath });
  try {
    await agent.start();
    const spec = kernelSpec(await testImage(), { sessionType: 'interactive', command: null });
    await agent.wish({ shall: 'run', revision: 1, spec });
    const { containerId } = await agent.until(spec, 'running');
    const { State } = await docker.getContainer(containerId).inspect();
    const freezer = makeFreezer(spec.kernel, State.Pid);
    writeFileSync(`${freezer}/freezer.state`, 'FROZEN');
    await agent.beGone(spec);
    await agent.poll(() => agent.troubles().length > 0, 'that it will not end');
    const [trouble] = agent.troubles();
    assert.equal([trouble?.code, trouble?.kernel], ['kernel-will-not-end', spec.kernel]);
    assert.match(trouble?.message ?? '', 'was killed and its program goes on');
    assert.is(
      agent.reportsOf(spec).some(({ state }) => state === 'exited'),
      false,
    );
    writeFileSync(`${freezer}/freezer.state`, 'THAWED');
    assert.is((await agent.until(spec, 'exited')).reason, 'user-requested');
    rmdirSync(freezer);
    await agent.poll(() => agent.troubles().length === 0, 'that all is well again');
  } finally {
    await agent.close();
    await (await dockerEngine()).stop();
  }
});

stuck.run();

/** The engine thaws its own groups when it kills, so this one is not of its making. */
function makeFreezer(kernel: string, pid: number): string {
  const freezer = `${FREEZERS}/orrery-test-${kernel}`;
  mkdirSync(freezer);
  writeFileSync(`${freezer}/cgroup.procs`, String(pid));
  return freezer;
}
