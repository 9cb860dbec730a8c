import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelSpec } from '../../contract/driver/driver-bench.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';
import { AgentProcess, type AgentSetting, collect } from './agent-process.ts';

interface Surroundings {
  readonly setting: AgentSetting;
  readonly image: string;
}

agentSuite('process', async () => ({ setting: { driver: 'process' }, image: 'host' }));
agentSuite('docker', async () => {
  const { socketPath } = await dockerEngine();
  const image = await testImage();
  return { setting: { driver: 'docker', dockerSocket: socketPath }, image };
});

function agentSuite(name: string, surroundings: () => Promise<Surroundings>): void {
  const test = suite<{ agent: AgentProcess; image: string }>(`agent process with ${name}`);

  test.before(async (context) => {
    const { setting, image } = await surroundings();
    context.image = image;
    context.agent = await AgentProcess.open(setting);
    await context.agent.start();
  });
  test.after(async ({ agent }) => {
    await agent.close();
  });

  test('it tells of the images it has', async ({ agent, image }) => {
    await agent.poll(() => agent.images.includes(image), 'the image');
  });

  test('a command runs, its log is followed to the end, and nothing stays', async ({
    agent,
    image,
  }) => {
    const spec = kernelSpec(image, { command: ['sh', '-c', 'sleep 0.3; echo 42; exit 3'] });
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    await agent.wish({ shall: 'be-prepared', revision: 1, spec });
    await agent.wish({ shall: 'run', revision: 2, spec }, `00-${trace}-00f067aa0ba902b7-01`);
    await agent.until(spec, 'running');
    const { kernel } = spec;
    const log = await agent.open({ kind: 'logs', kernel, isFollowed: true, offsetBytes: 0 });
    assert.equal(await collect(log), { text: '42\n', exitCode: 3 });
    const exited = await agent.until(spec, 'exited');
    assert.is(exited.exitCode, 3);
    assert.is(exited.reason, 'self-terminated');
    const traced = agent.reports.find(({ report }) => report.state === 'running');
    assert.match(traced?.traceparent ?? '', trace);
    await agent.beGone(spec);
    const ends = () => agent.reportsOf(spec).filter(({ state }) => state === 'exited');
    await agent.poll(() => ends().length === 2, 'the end told again');
    assert.equal(ends()[1], ends()[0]);
    const kept = await agent.open({ kind: 'logs', kernel, isFollowed: true, offsetBytes: 1 });
    assert.equal(await collect(kept), { text: '2\n', exitCode: 3 });
  });

  test('what runs out of memory and what is not there are told as that', async ({
    agent,
    image,
  }) => {
    const hungry = kernelSpec(image, {
      command: ['python3', '-c', 'x = "x" * (512 << 20); print(len(x))'],
    });
    const missing = kernelSpec(image, { command: ['no-such-program'] });
    await agent.run(hungry);
    await agent.run(missing);
    assert.is((await agent.until(hungry, 'exited')).wasOutOfMemory, true);
    const told = () =>
      agent.reportsOf(missing).find(({ state }) => state === 'failed' || state === 'exited');
    await agent.poll(() => told() !== undefined, 'the failure');
    assert.match(JSON.stringify(told()), 'command-not-found');
    for (const spec of [hungry, missing]) await agent.beGone(spec);
  });

  test('killing the agent kills no kernel, and its heir tells what happened meanwhile', async ({
    agent,
    image,
  }) => {
    const going = kernelSpec(image, { sessionType: 'interactive', command: null });
    const ending = kernelSpec(image, { command: ['sh', '-c', 'sleep 1; echo late; exit 7'] });
    for (const spec of [going, ending]) {
      await agent.run(spec);
      await agent.until(spec, 'running');
    }
    const before = await agent.until(going, 'running');
    await agent.end('SIGKILL');
    const asked = kernelSpec(image, { sessionType: 'interactive', command: null });
    await agent.wish({ shall: 'run', revision: 2, spec: asked });
    await agent.start();
    await agent.until(asked, 'running');
    assert.is((await agent.until(ending, 'exited')).exitCode, 7);
    const running = () => agent.reportsOf(going).filter(({ state }) => state === 'running');
    await agent.poll(() => running().length > 1, 'running told again');
    for (const again of running())
      assert.is(again.state === 'running' ? again.containerId : undefined, before.containerId);
    const { kernel } = ending;
    const log = await agent.open({ kind: 'logs', kernel, isFollowed: false, offsetBytes: 0 });
    assert.equal(await collect(log), { text: 'late\n', exitCode: 7 });
    for (const spec of [going, ending, asked]) {
      await agent.beGone(spec);
      await agent.until(spec, 'exited');
    }
  });

  test('commands run beside a kernel, with and without a terminal', async ({ agent, image }) => {
    const spec = kernelSpec(image, { sessionType: 'interactive', command: null });
    await agent.run(spec);
    await agent.until(spec, 'running');
    const { kernel } = spec;
    const plain = await agent.open({
      kind: 'exec',
      kernel,
      command: ['sh', '-c', 'cat; exit 5'],
      hasTerminal: false,
    });
    await plain.send({ kind: 'input', data: Buffer.from('hello').toString('base64') });
    await plain.send({ kind: 'end-of-input' });
    assert.equal(await collect(plain), { text: 'hello', exitCode: 5 });
    const script =
      'import os,sys;print("ask",os.isatty(1),flush=True);print(sys.stdin.readline().upper())';
    const terminal = await agent.open({
      kind: 'exec',
      kernel,
      command: ['python3', '-c', script],
      hasTerminal: true,
      columns: 100,
      rows: 30,
    });
    let isAsked = false;
    const { text, exitCode } = await collect(terminal, (soFar) => {
      if (isAsked || !soFar.includes('ask')) return;
      isAsked = true;
      void terminal.send({ kind: 'input', data: Buffer.from('word\n').toString('base64') });
    });
    assert.match(text, 'ask True');
    assert.match(text, 'WORD');
    assert.is(exitCode, 0);
    await agent.beGone(spec, 5_000);
    assert.is((await agent.until(spec, 'exited')).reason, 'user-requested');
  });

  test('a command in a kernel that is not there is refused by name', async ({ agent }) => {
    const { kernel } = kernelSpec('host', {});
    const stream = await agent.open({
      kind: 'exec',
      kernel,
      command: ['true'],
      hasTerminal: false,
    });
    const told = await collect(stream).then(
      () => 'nothing',
      (failure: Error) => JSON.stringify(failure),
    );
    assert.match(told, 'kernel-not-found');
  });

  test.run();
}
