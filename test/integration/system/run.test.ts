import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runOrrery } from '../../environment/command-line.ts';
import { startDockerSystem } from '../../environment/docker-system.ts';

const { system, image } = await startDockerSystem();
const orrery = (...args: readonly string[]) => runOrrery(system.dataDirectory, ...args);

const run = suite('orrery run: in real containers');

run('prints what the program prints and exits with 0', async () => {
  const { code, stdout, stderr } = await orrery(
    'run',
    '--image',
    image,
    '--',
    'python3',
    '-c',
    'print(6*7)',
  );
  assert.is(stdout, '42\n', stderr);
  assert.is(code, 0, stderr);
});

run('exits with the exit code of the program', async () => {
  const { code, stderr } = await orrery('run', '--image', image, '--', 'sh', '-c', 'exit 3');
  assert.is(code, 3, stderr);
});

run('keeps standard output and standard error apart', async () => {
  const { stdout, stderr } = await orrery(
    'run',
    '--image',
    image,
    '--',
    'sh',
    '-c',
    'echo out; echo err >&2',
  );
  assert.is(stdout, 'out\n');
  assert.match(stderr, /^err$/m);
});

run('loses nothing of a long output', async () => {
  const { stdout } = await orrery('run', '--image', image, '--', 'sh', '-c', 'seq 1 20000');
  assert.is(stdout, `${Array.from({ length: 20_000 }, (_, index) => index + 1).join('\n')}\n`);
});

run(
  'a program that takes more memory than it has is ended as out of memory, and called so',
  async () => {
    const name = 'takes-too-much';
    const program = 'x = bytearray(512 * 1024 * 1024); print(len(x))';
    const { code } = await orrery(
      'run',
      '--image',
      image,
      '--mem',
      '128m',
      '--name',
      name,
      '--',
      'python3',
      '-c',
      program,
    );
    assert.is.not(code, 0);
    const { stdout } = await orrery('session', 'get', name, '--json');
    const session = JSON.parse(stdout);
    assert.is(session.status, 'TERMINATED');
    assert.is(session.statusInfo, 'out-of-memory');
    assert.is(session.kernels[0].wasOutOfMemory, true);
  },
);

run('a program that is not there is told with the step at which it failed', async () => {
  const { code, stderr } = await orrery('run', '--image', image, '--', 'no-such-program');
  assert.is.not(code, 0);
  assert.match(stderr, /no-such-program/);
});

run.after(async () => {
  await system[Symbol.asyncDispose]();
});
run.run();
