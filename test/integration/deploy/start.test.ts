import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSettings } from '../../../bus/settings.ts';
import { comesTrue } from '../../../deploy/embedded/clock.ts';
import { runCommand } from '../../../deploy/embedded/command.ts';
import { detach } from '../../../deploy/embedded/detach.ts';
import { startOrder } from '../../../deploy/embedded/plans.ts';
import { makeScratch } from '../../environment/scratch.ts';
import { Installation, patience, standInStart, stopInstallation } from './installation.ts';

const scratch = makeScratch('start');
const isRoot = process.getuid?.() === 0;
const modeOf = (path: string): number => statSync(path).mode & 0o777;

const first = suite('start: an installation on one machine');

first(
  'the first start makes an administrator, a profile and settings, for the owner alone',
  async () => {
    const directory = join(scratch.path, 'a new one');
    const installation = new Installation(directory);
    const url = await installation.ready();
    assert.is(installation.stdout, `ready ${url}\n`);
    const administrator = JSON.parse(readFileSync(join(directory, 'administrator.json'), 'utf8'));
    assert.is(administrator.email, 'admin@orrery.local');
    assert.match(administrator.accessKey, /^AKIA[A-Z2-7]{16}$/);
    assert.match(administrator.secretKey, /^[\w-]{40}$/);
    const profile = JSON.parse(readFileSync(join(directory, 'profile.json'), 'utf8'));
    const { accessKey, secretKey } = administrator;
    assert.equal(profile, { endpoint: url, accessKey, secretKey });
    const settings = readFileSync(join(directory, 'run', 'settings.toml'), 'utf8');
    assert.is(parseSettings(settings, 'settings.toml').gateway.port, Number(new URL(url).port));
    for (const name of ['administrator.json', 'profile.json', 'secrets.json', 'run/settings.toml'])
      assert.is(modeOf(join(directory, name)), 0o600);
    assert.is(modeOf(directory), 0o700);
    assert.match(installation.stderr, 'NO ISOLATION');
    assert.match(installation.stderr, 'npx orrery');
    assert.not.match(installation.stderr, administrator.password);
    assert.is(await installation.stop(), `stopped ${directory}`);
    assert.is(await installation.exitCode(), 0);
  },
);

first('a later start keeps the administrator and its ports and is ready soon', async () => {
  const directory = join(scratch.path, 'a new one');
  const before = readFileSync(join(directory, 'administrator.json'), 'utf8');
  const ports = readFileSync(join(directory, 'run', 'ports.json'), 'utf8');
  const installation = new Installation(directory);
  await installation.ready();
  assert.is(readFileSync(join(directory, 'administrator.json'), 'utf8'), before);
  assert.is(readFileSync(join(directory, 'run', 'ports.json'), 'utf8'), ports);
  installation.process.kill('SIGINT');
  installation.process.kill('SIGINT');
  assert.is(await installation.exitCode(), 0);
  for (const name of startOrder) assert.not.ok(installation.isRunning(name));
});

first('a second start on the same directory is refused and harms nothing', async () => {
  const directory = join(scratch.path, 'shared');
  const installation = new Installation(directory);
  const url = await installation.ready();
  const second = new Installation(directory);
  assert.is(await second.exitCode(), 3);
  assert.match(second.stderr, `Orrery already runs on ${directory}`);
  assert.match(second.stderr, url);
  for (const name of startOrder) assert.ok(installation.isRunning(name));
  await installation.stop();
});

first('each process that is killed outright comes back', async () => {
  const installation = new Installation(join(scratch.path, 'killed'));
  const url = await installation.ready();
  for (const name of startOrder) {
    const before = installation.pidOf(name);
    process.kill(before, 'SIGKILL');
    const isBack = await comesTrue(() => {
      const pid = installation.pidOf(name);
      return pid !== 0 && pid !== before && installation.isRunning(name);
    }, patience);
    assert.ok(isBack, `${name} comes back`);
  }
  const answers = async (): Promise<boolean> => {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    return answer?.ok === true;
  };
  assert.ok(await comesTrue(answers, patience));
  assert.match(installation.stderr, 'postgres was ended by SIGKILL; it is started again at once');
  await installation.stop();
});

first(
  'after the supervisor itself is killed, the next start ends its remains and runs',
  async () => {
    const directory = join(scratch.path, 'orphaned');
    const killed = new Installation(directory);
    await killed.ready();
    killed.process.kill('SIGKILL');
    await killed.exitCode();
    for (const name of startOrder) assert.ok(killed.isRunning(name), `${name} goes on`);
    const pids = startOrder.map((name) => killed.pidOf(name));
    const next = new Installation(directory);
    await next.ready();
    assert.match(next.stderr, 'an earlier supervisor was killed');
    assert.equal(
      startOrder.filter((name, index) => next.pidOf(name) === pids[index]),
      [],
    );
    next.process.kill('SIGKILL');
    await next.exitCode();
    assert.match(await next.stop(), 'ended what a killed supervisor had left running');
    for (const name of startOrder) assert.not.ok(next.isRunning(name));
    assert.match(await next.stop(), 'nothing runs on');
  },
);

first('several run side by side', async () => {
  const both = ['one', 'two'].map((name) => new Installation(join(scratch.path, name)));
  const urls = await Promise.all(both.map((each) => each.ready()));
  assert.is(new Set(urls).size, 2);
  await Promise.all(both.map((each) => each.stop()));
});

first('with --detach the command returns when all is ready, and stop ends the rest', async () => {
  const directory = join(scratch.path, 'detached');
  const told: string[] = [];
  const reporter = {
    say: (line: string) => told.push(line),
    ready: (url: string) => told.push(`ready ${url}`),
    flush: async () => undefined,
  };
  const args = ['--data-dir', directory, '--port', '0'];
  assert.is(await detach(standInStart, args, reporter), 0);
  assert.match(told.at(-1) ?? '', /^ready http:/);
  assert.is(await stopInstallation(directory), `stopped ${directory}`);
  assert.is(await stopInstallation(directory), `nothing runs on ${directory}`);
});

first('a detached start that fails returns its exit code and its sentence', async () => {
  const told: string[] = [];
  const reporter = {
    say: (line: string) => told.push(line),
    ready: () => undefined,
    flush: async () => undefined,
  };
  const file = join(scratch.path, 'in the way');
  writeFileSync(file, '');
  assert.is(await detach(standInStart, ['--data-dir', file], reporter), 5);
  assert.match(told.at(-1) ?? '', 'is a file, not a directory');
});

first.run();

const refused = suite('start: what cannot be done is said in one sentence');

const refusal = async (
  directory: string,
  ...args: readonly string[]
): Promise<readonly [number | null, string]> => {
  const installation = new Installation(directory, ...args);
  const code = await installation.exitCode();
  assert.is(installation.stdout, '');
  return [code, installation.stderr.trim().split('\n').at(-1) ?? ''];
};

refused('a port that is taken is named', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  const [code, sentence] = await refusal(join(scratch.path, 'port'), '--port', String(port));
  server.close();
  assert.is(code, 4);
  assert.match(sentence, `port ${port} on 127.0.0.1 is taken`);
});

refused('a path through a file, and a file, are no data directories', async () => {
  const file = join(scratch.path, 'a file');
  writeFileSync(file, '');
  assert.equal(await refusal(join(file, 'below')), [
    5,
    `the data directory ${join(file, 'below')} cannot be made because a part of its path is a file.`,
  ]);
  assert.equal(await refusal(file), [5, `the data directory ${file} is a file, not a directory.`]);
});

refused('damaged secrets are not made anew', async () => {
  const directory = join(scratch.path, 'damaged');
  mkdirSync(directory);
  writeFileSync(join(directory, 'secrets.json'), '{"masterKey":');
  const [code, sentence] = await refusal(directory);
  assert.is(code, 5);
  assert.match(sentence, 'secrets.json is damaged');
});

if (isRoot) {
  refused('a disk without room is told with what is missing', async () => {
    const directory = join(scratch.path, 'small');
    mkdirSync(directory);
    const options = { withinMs: 10_000 };
    const mount = ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory];
    const mounted = await runCommand('mount', mount, options);
    // Some containers forbid even root to mount.
    if (mounted.code !== 0) return;
    const [code, sentence] = await refusal(directory);
    await runCommand('umount', [directory], options);
    assert.is(code, 5);
    assert.match(sentence, 'is on a disk with only');
  });
} else {
  refused('a directory that cannot be written to is named', async () => {
    const directory = join(scratch.path, 'foreign');
    mkdirSync(directory);
    chmodSync(directory, 0o500);
    const [code, sentence] = await refusal(directory);
    assert.is(code, 5);
    assert.match(sentence, 'cannot be written to by this user');
  });
}

refused.after(() => scratch.remove());

refused.run();
