import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findFreePort } from '../../../deploy/embedded/port.ts';
import { runOrrery } from '../../environment/command-line.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { startDockerSystem } from '../../environment/docker-system.ts';
import { packagedImageIn } from '../../environment/image.ts';
import { requireOpenSsh, runTool } from '../../environment/open-ssh.ts';
import { makeScratch } from '../../environment/scratch.ts';
import { answerOf } from '../../unit/gateway/directory-calls.ts';
import { callsOf, makeTenant } from '../gateway/cast.ts';

const MEBIBYTE = 1024 * 1024;
const LARGE_MIB = 64;
/** Nothing of SSH; rsync, for whoever copies with that, is a program on both sides. */
const IMAGE = {
  reference: 'orrery-test-rsync:1',
  packages: ['python3-minimal', 'rsync'],
} as const;

await requireOpenSsh();
// Before the system looks which images there are.
const image = await packagedImageIn((await dockerEngine()).socketPath, IMAGE);
const { system } = await startDockerSystem();
const { client } = system;
const scratch = makeScratch('ssh');
const here = (...names: readonly string[]): string => join(scratch.path, ...names);
const orrery = (...args: readonly string[]) => runOrrery(system.dataDirectory, ...args);
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function runningSession(name: string): Promise<string> {
  const { session } = await client.createSession({
    type: 'INTERACTIVE',
    name,
    image,
    cpu: '0.5',
    memory: '256m',
  });
  for await (const { status } of client.sessionEvents({ id: session.id }))
    if (status === 'RUNNING') break;
  return session.id;
}

async function makeKey(name: string, ...kind: readonly string[]): Promise<string> {
  const made = await runTool('ssh-keygen', ['-q', '-N', '', '-C', name, ...kind, '-f', here(name)]);
  assert.is(made.code, 0, made.stderr);
  return here(name);
}

const sessionId = await runningSession('atlas');
const server = await client.ssh.server();
const port = String(server?.port);
const known = here('known_hosts');
writeFileSync(known, `[127.0.0.1]:${port} ${server?.hostKeys[0]}\n`);
const optionsOf = (key: string): readonly string[] => [
  ...['-F', '/dev/null', '-o', `UserKnownHostsFile=${known}`, '-o', 'StrictHostKeyChecking=yes'],
  ...['-o', 'IdentitiesOnly=yes', '-o', `IdentityFile=${key}`, '-o', 'BatchMode=yes'],
  ...['-o', 'LogLevel=ERROR'],
];
const key = await makeKey('mine', '-t', 'ed25519');
const options = optionsOf(key);
const at = 'atlas@127.0.0.1';
const ssh = (command: string, input: Uint8Array | string = '', with_ = options) =>
  runTool('ssh', [...with_, '-p', port, at, command], input);
const sftp = (...lines: readonly string[]) =>
  runTool('sftp', [...options, '-P', port, '-b', '-', at], `${lines.join('\n')}\n`);

const over = suite('ssh: OpenSSH and an image without it');

over('nobody is let in before their key is known, and a known key is shown', async () => {
  assert.is((await ssh('true')).code, 255);
  const added = await orrery('ssh-key', 'add', `${key}.pub`);
  assert.is(added.code, 0, added.stderr);
  const shown = await runTool('ssh-keygen', ['-l', '-f', `${key}.pub`]);
  assert.ok(shown.stdout.toString().includes(added.stdout.trim()));
  const [listed] = await client.ssh.keys();
  assert.is(listed?.label, 'mine');
  const weak = await makeKey('weak', '-t', 'rsa', '-b', '1024');
  const refused = await orrery('ssh-key', 'add', `${weak}.pub`);
  assert.match(refused.stderr, /1024 bits; at least 2048 .*ssh-key-invalid, field publicKey/);
  for (const kind of [['rsa', '-b', '2048'], ['ecdsa']] as const) {
    const other = await makeKey(kind[0], '-t', ...kind);
    assert.is((await orrery('ssh-key', 'add', `${other}.pub`)).code, 0);
    assert.is((await ssh('exit 3', '', optionsOf(other))).code, 3, kind[0]);
  }
});

over('a command has its output, its errors, its input with an end, and its exit code', async () => {
  const { code, stdout, stderr } = await ssh('echo out; echo err >&2; pwd; exit 7');
  assert.equal([code, stdout.toString(), stderr], [7, 'out\n/home/work\n', 'err\n']);
  const bytes = randomBytes(8 * MEBIBYTE);
  const back = await ssh('cat', bytes);
  assert.is(back.code, 0, back.stderr);
  assert.is(digest(back.stdout), digest(bytes));
  assert.is((await ssh('head -c 3', bytes)).stdout.length, 3, 'who reads no more hangs nobody');
  assert.match((await ssh('no-such-program')).stderr, /not found/);
  assert.is((await ssh('kill -9 $$')).code, 137);
});

over('a terminal has the size of the one before it, also when that changes', async () => {
  const until = (size: string): string =>
    `until [ "$(stty size)" = "${size}" ]; do sleep 0.1; done; echo now ${size};`;
  const inside = `${until('33 101')} ${until('40 120')} exit 5`;
  const typescript = here('typescript');
  const connect = ['ssh', '-tt', ...options, '-p', port, at, `'${inside}'`].join(' ');
  const resize = `until grep -q "now 33" ${typescript}; do sleep 0.1; done; stty -F $T rows 40 cols 120`;
  writeFileSync(here('seat.sh'), `stty rows 33 cols 101; T=$(tty); (${resize}) & ${connect}\n`);
  const { code } = await runTool('script', ['-qefc', `sh ${here('seat.sh')}`, typescript]);
  assert.is(code, 5);
  assert.match(readFileSync(typescript, 'utf8'), /now 33 101\r\nnow 40 120\r\n/);
});

over('scp, sftp and rsync bring a file there and back with the same checksum', async () => {
  const bytes = randomBytes(LARGE_MIB * MEBIBYTE);
  writeFileSync(here('large'), bytes);
  const sum = digest(bytes);
  const scp = (...paths: readonly string[]) =>
    runTool('scp', [...options, '-P', port, '-r', '-p', ...paths]);
  const rsync = (...paths: readonly string[]) =>
    runTool('rsync', ['-a', '-e', ['ssh', ...options, '-p', port].join(' '), ...paths]);
  assert.is((await scp(here('large'), `${at}:large`)).code, 0);
  assert.match((await ssh('sha256sum large')).stdout.toString(), sum);
  assert.is((await scp(`${at}:large`, here('by-scp'))).code, 0);
  assert.is(digest(readFileSync(here('by-scp'))), sum);
  assert.is((await sftp(`get large ${here('by-sftp')}`)).code, 0);
  assert.is(digest(readFileSync(here('by-sftp'))), sum);
  mkdirSync(here('tree', 'inner'), { recursive: true });
  writeFileSync(here('tree', 'inner', 'möbius 😀'), 'hello');
  writeFileSync(here('tree', 'empty'), '');
  chmodSync(here('tree', 'empty'), 0o640);
  for (const [name, copy] of [['by-rsync', rsync] as const, ['by-scp-r', scp] as const]) {
    const there = await copy(`${here('tree')}/`, `${at}:${name}`);
    assert.is(there.code, 0, there.stderr);
    const back = await copy(`${at}:${name}/`, here(name));
    assert.is(back.code, 0, back.stderr);
    assert.is(readFileSync(here(name, 'inner', 'möbius 😀'), 'utf8'), 'hello');
    assert.is(statSync(here(name, 'empty')).mode & 0o777, 0o640);
    const [made, was] = [name, 'tree'].map((each) => statSync(here(each, 'empty')).mtimeMs / 1000);
    assert.is(Math.floor(made ?? 0), Math.floor(was ?? 1));
  }
});

over('sftp makes, renames, links and removes, and never leaves the working directory', async () => {
  writeFileSync(here('small'), 'small');
  const done = await sftp(
    'mkdir "a ö"',
    `put ${here('small')} "a ö/x"`,
    'rename "a ö/x" "a ö/y"',
    'ln -s y "a ö/link"',
    'chmod 600 "a ö/y"',
    'ls -l "a ö"',
    'rm "a ö/link"',
    'rm "a ö/y"',
    'rmdir "a ö"',
  );
  assert.is(done.code, 0, done.stderr);
  assert.match(done.stdout.toString(), /-rw------- .* y\n/);
  await ssh('ln -s /etc out; mkfifo pipe');
  const refusals = [
    'get /etc/passwd',
    'get ../../etc/passwd',
    'get out/passwd',
    'get pipe',
    'ln -s ../../etc up',
    'ln -s /etc/passwd up',
    `put ${here('small')} /tmp/x`,
    `put ${here('small')} out/x`,
    'mkdir /tmp/x',
    'rename DO_NOT_STORE_PERSISTENT_FILES_HERE.md ../x',
  ];
  for (const line of refusals) {
    const { code } = await sftp(line);
    assert.is(code, 1, line);
  }
  const left = await ssh('ls /tmp/x /etc/x /home/x up 2>/dev/null; rm out pipe');
  assert.is(left.stdout.toString(), '');
});

over('ports of the session are led to, nowhere else, and none comes back', async () => {
  const script = `
import socket
s = socket.socket(); s.bind(("127.0.0.1", 8123)); s.listen()
while True:
    c, _ = s.accept(); d = c.recv(9); c.sendall(b"got " + d); c.close()
`;
  const listening = `python3 -c '${script.replaceAll("'", '"')}' >/dev/null 2>&1 & echo started`;
  assert.is((await ssh(listening)).stdout.toString(), 'started\n');
  const [local, other] = [await findFreePort(), await findFreePort()];
  const routes = ['-L', `${local}:localhost:8123`, '-L', `${other}:192.0.2.1:80`];
  const forwarding = spawn('ssh', [...options, ...routes, '-p', port, at, 'echo up; cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(forwarding.stdout, 'data');
  assert.is(await exchange(local, 'hello'), 'got hello');
  assert.is(await exchange(other, 'hello'), '');
  forwarding.stdin.end();
  await once(forwarding, 'close');
  const back = ['-o', 'ExitOnForwardFailure=yes', '-R', '9000:localhost:22'];
  const refused = await runTool('ssh', [...options, ...back, '-p', port, at, 'true']);
  assert.match(refused.stderr, /remote port forwarding failed/);
  const stream = await client.ssh.openPort({ sessionId, port: 8123 });
  stream.end('socket');
  assert.is(await text(stream), 'got socket');
  const nothing = await client.ssh.openPort({ sessionId, port: 1 });
  assert.match(await text(nothing).catch((error) => error.code), 'port-refused');
});

async function exchange(local: number, word: string): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port: local });
  socket.write(word);
  return await text(socket).catch(() => '');
}

over('orrery ssh runs the ssh of the machine with the key of the gateway', async () => {
  const ran = await orrery('ssh', '-i', key, 'atlas', '--', 'echo there; exit 4');
  assert.equal([ran.code, ran.stdout], [4, 'there\n'], ran.stderr);
  const told = JSON.parse((await orrery('--json', 'ssh', 'atlas')).stdout);
  assert.equal([told.user, String(told.port)], [sessionId, port]);
});

over('another key, a session that is not theirs, and no session are refused alike', async () => {
  const stranger = await makeKey('stranger', '-t', 'ed25519');
  const wrong = await ssh('true', '', optionsOf(stranger));
  const calls = await callsOf(system);
  const tenant = await makeTenant(calls, 'physics');
  const publicKey = readFileSync(`${stranger}.pub`, 'utf8');
  const ADD = `mutation ($input: AddSshKeyInput!) {
    addSshKey(input: $input) { sshKey { label } rejection { code } }
  }`;
  const { headers } = tenant.user;
  const added = await answerOf<object>(calls, ADD, { input: { publicKey } }, headers);
  assert.equal(added, { sshKey: { label: 'stranger' }, rejection: null });
  const login = (name: string) =>
    runTool('ssh', [...optionsOf(stranger), '-p', port, '-l', name, '127.0.0.1', 'true']);
  const others = [await login('atlas'), await login(sessionId), await login('absent')];
  for (const { code, stderr } of [wrong, ...others]) {
    assert.is(code, 255);
    assert.match(stderr, /Permission denied \(publickey\)/);
  }
  assert.is((await ssh('true')).code, 0);
});

/** A connection that its client leaves open; how that ended. */
async function stayOpen(): Promise<{ readonly code: Promise<number> }> {
  const args = [...options, '-p', port, at, 'echo up; cat'];
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const code = new Promise<number>((resolve) => void child.once('exit', resolve));
  await once(child.stdout, 'data');
  return { code };
}

over('what is opened is in the audit, and a key that is removed ends it at once', async () => {
  const opened = await stayOpen();
  assert.is((await orrery('ssh-key', 'rm', 'mine')).code, 0);
  assert.is(await opened.code, 255);
  assert.is((await ssh('true')).code, 255);
  const shown = await orrery('audit', 'show', sessionId, '--json', '--limit', '1000');
  const kinds = new Set(
    shown.stdout
      .trimEnd()
      .split('\n')
      .flatMap((line) => JSON.parse(line).events)
      .flatMap(({ use }) => use?.kind ?? []),
  );
  const expected = ['ssh-opened', 'ssh-closed', 'program', 'port', 'files-read', 'files-written'];
  for (const kind of [...expected, 'file-removed', 'file-renamed'])
    assert.ok(kinds.has(kind), kind);
});

over('a session that ends takes its connections with it', async () => {
  assert.is((await orrery('ssh-key', 'add', `${key}.pub`)).code, 0);
  const opened = await stayOpen();
  await client.terminateSession({ id: sessionId, mode: 'FORCE' });
  assert.is(await opened.code, 255);
  assert.is((await ssh('true')).code, 255);
});

over.after(async () => {
  await system[Symbol.asyncDispose]();
  scratch.remove();
});
over.run();
