import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runOrrery } from '../../environment/command-line.ts';
import { startDockerSystem } from '../../environment/docker-system.ts';
import { makeScratch } from '../../environment/scratch.ts';
import { tokenOf } from '../../environment/sign-in.ts';
import { useOf } from '../../environment/system.ts';

/** Larger than all that may wait on the way, so that it shows whether memory stays flat. */
const LARGE_MIB = 256;
const WARM_UP_MIB = 64;
/** Less than the file, which passes each of them twice; the rest is what is not yet collected. */
const GROWTH_MIB_MAX = 192;

const { system, image } = await startDockerSystem();
const { client } = system;
const scratch = makeScratch('files');
const orrery = (...args: readonly string[]) => runOrrery(system.dataDirectory, ...args);
const { session } = await client.createSession({
  type: 'INTERACTIVE',
  image,
  cpu: '0.5',
  memory: '256m',
});
for await (const { status } of client.sessionEvents({ id: session.id }))
  if (status === 'RUNNING') break;
const sessionId = session.id;
const inSession = async (code: string): Promise<string> => {
  const { stdout, stderr } = await orrery('exec', sessionId, '-l', 'shell', '-c', code);
  return stdout + stderr;
};

const files = suite('files of a session: in a real container');

files('a file goes there and comes back, and programs there can use it', async () => {
  const here = join(scratch.path, 'möbius 😀.txt');
  writeFileSync(here, 'hello');
  const sent = await orrery('cp', here, `${sessionId}:deep/`);
  assert.is(sent.code, 0, sent.stderr);
  assert.is(await inSession('cat "deep/möbius 😀.txt"; echo there > back'), 'hello');
  const back = join(scratch.path, 'back');
  assert.is((await orrery('cp', `${sessionId}:back`, back)).code, 0);
  assert.is(readFileSync(back, 'utf8'), 'there\n');
  assert.is((await orrery('cp', `${sessionId}:back`, '-')).stdout, 'there\n');
});

files('who took, brought, renamed and removed which file is in the audit', async () => {
  const here = join(scratch.path, 'noted');
  writeFileSync(here, 'unread words');
  assert.is((await orrery('cp', here, `${sessionId}:noted`)).code, 0);
  assert.is((await orrery('cp', `${sessionId}:noted`, '-')).stdout, 'unread words');
  assert.is((await orrery('session', 'files', 'mv', sessionId, 'noted', 'other')).code, 0);
  assert.is((await orrery('session', 'files', 'rm', sessionId, 'other')).code, 0);
  const shown = await orrery('audit', 'show', sessionId, '--json', '--limit', '1000');
  const uses = shown.stdout
    .trimEnd()
    .split('\n')
    .flatMap((line) => JSON.parse(line).events)
    .flatMap(({ use }) => use ?? []);
  const noted = uses.filter((use) => /noted|other/.test(JSON.stringify(use)));
  const kinds = noted.map(({ kind }) => kind);
  assert.equal(kinds, ['files-written', 'files-read', 'file-renamed', 'file-removed']);
  assert.not.match(shown.stdout, /unread words/);
});

files('a directory goes there and comes back with all that is in it', async () => {
  const here = join(scratch.path, 'tree');
  mkdirSync(join(here, 'a', 'b'), { recursive: true });
  writeFileSync(join(here, 'a', 'b', 'deep'), 'deep');
  writeFileSync(join(here, 'empty'), '');
  const sent = await orrery('cp', '-r', here, `${sessionId}:.`);
  assert.is(sent.code, 0, sent.stderr);
  assert.is(await inSession('cat tree/a/b/deep; ls tree'), 'deepa\nempty\n');
  const back = join(scratch.path, 'came');
  const came = await orrery('cp', '-r', `${sessionId}:tree`, back);
  assert.is(came.code, 0, came.stderr);
  assert.is(readFileSync(join(back, 'tree/a/b/deep'), 'utf8'), 'deep');
});

files('are listed, renamed and removed', async () => {
  await inSession('mkdir -p list/inner; printf 12345 > list/five; ln -s five list/link');
  const { entries, directory } = await client.files.list({ sessionId, path: 'list' });
  assert.match(directory, /\bwork.list$/);
  assert.equal(
    entries.map(({ name, kind, sizeBytes, target }) => [
      name,
      kind,
      kind === 'FILE' ? sizeBytes : 0,
      target,
    ]),
    [
      ['five', 'FILE', 5, null],
      ['inner', 'DIRECTORY', 0, null],
      ['link', 'LINK', 0, 'five'],
    ],
  );
  assert.is((await orrery('session', 'files', 'mv', sessionId, 'list/five', 'list/six')).code, 0);
  const shown = await orrery('session', 'files', 'ls', sessionId, 'list');
  assert.match(shown.stdout, /-rw.* 5 .* six/);
  const full = await orrery('session', 'files', 'rm', sessionId, 'list');
  assert.match(full.stderr, /not empty/);
  assert.is((await orrery('session', 'files', 'rm', '-r', sessionId, 'list')).code, 0);
  assert.is(await inSession('ls list 2>/dev/null; echo gone'), 'gone\n');
});

files('links of the container that lead out are refused, both ways', async () => {
  await inSession('ln -s /etc out; ln -s /etc/passwd passwd; ln -s ../../.. up');
  const refusals: string[] = [];
  for (const path of [
    'passwd',
    'out/passwd',
    'up/etc/passwd',
    '../config/environ.txt',
    '/etc/passwd',
  ])
    for (const way of [
      ['cp', `${sessionId}:${path}`, '-'],
      ['cp', join(scratch.path, 'back'), `${sessionId}:${path}`],
    ]) {
      const { code, stdout, stderr } = await orrery(...way);
      assert.is.not(code, 0);
      assert.is(stdout, '');
      refusals.push(stderr);
    }
  for (const refusal of refusals) assert.match(refusal, /leads out|no part of it is|lies below/);
});

files('a large file streams through with flat memory and the same bytes', async () => {
  const block = randomBytes(1024 * 1024);
  const sent = createHash('sha256');
  async function* content(mebibytes: number): AsyncGenerator<Uint8Array, void> {
    for (let count = 0; count < mebibytes; count++) {
      yield block;
    }
  }
  const place = { sessionId, paths: ['large'], form: 'bytes' } as const;
  const peakOf = (name: string): number => useOf(system.pids()[name] ?? 0)?.peakMib ?? 0;
  await client.files.upload(place, content(WARM_UP_MIB));
  for await (const _ of client.files.download(place));
  const before = { gateway: peakOf('gateway'), agent: peakOf('agent') };
  const { bytes } = await client.files.upload(place, content(LARGE_MIB));
  assert.is(bytes, LARGE_MIB * block.length);
  for (let count = 0; count < LARGE_MIB; count++) sent.update(block);
  const received = createHash('sha256');
  for await (const piece of client.files.download(place)) received.update(piece);
  assert.is(received.digest('hex'), sent.digest('hex'));
  for (const name of ['gateway', 'agent'] as const) {
    const grown = peakOf(name) - before[name];
    assert.ok(grown < GROWTH_MIB_MAX, `the ${name} grew by ${grown} MiB from ${before[name]}`);
  }
});

files('those of a session that is not there are not found, nor without a token', async () => {
  const other = `${system.endpoint}/files/0190b0c8-0000-7000-8000-000000000001?path=x`;
  assert.is((await fetch(other)).status, 401);
  const token = await tokenOf(system);
  const signedIn = { headers: { authorization: `Bearer ${token}` } };
  const answer = await fetch(other, signedIn);
  assert.is(answer.status, 404);
  assert.match(await answer.text(), /SESSION_NOT_FOUND/);
  const missing = await fetch(`${system.endpoint}/files/${sessionId}?path=missing`, signedIn);
  assert.is(missing.status, 404);
  const outside = await fetch(`${system.endpoint}/files/${sessionId}?path=..%2Fconfig`, signedIn);
  assert.is(outside.status, 400);
});

files.after(async () => {
  await system[Symbol.asyncDispose]();
  scratch.remove();
});
files.run();
