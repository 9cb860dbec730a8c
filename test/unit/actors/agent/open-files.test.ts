import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Duplex,
  type FileAnswer,
  type FileOperation,
  OPEN_FILES_MAX,
  type StreamInput,
  type StreamOutput,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serveOpenFiles } from '../../../../actors/agent/files/serve-open-files.ts';
import { makeScratch } from '../../../environment/scratch.ts';

type Stream = Duplex<StreamInput, StreamOutput>;

/** Asks all of it at once, as a client does that waits for nothing, and gives the answers in the order of asking. */
async function ask(
  root: string,
  ...operations: readonly FileOperation[]
): Promise<readonly FileAnswer[]> {
  const answers = new Map<number, FileAnswer>();
  const stream: Stream = {
    incoming: (async function* () {
      for (const [id, operation] of operations.entries())
        yield { kind: 'file-operation' as const, id, operation };
    })(),
    send: async (frame) => {
      if (frame.kind === 'file-answer') answers.set(frame.id, frame.answer);
    },
    end: () => undefined,
    fail: () => undefined,
    closed: new AbortController().signal,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await serveOpenFiles({ root, home: '/home/work' }, stream);
  return operations.map((_, id) => answers.get(id) ?? { failure: { code: 'none', message: '' } });
}

const open = (path: string, access: 'read' | 'write' | 'read-write'): FileOperation => ({
  op: 'open',
  path,
  access,
  creation: access === 'read' ? 'never' : 'if-absent',
  isTruncated: false,
  isAppended: false,
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const codeOf = (answer: FileAnswer | undefined): string =>
  answer !== undefined && 'failure' in answer ? answer.failure.code : 'done';

const files = suite('open files: of a working directory');

files(
  'bytes are written and read at any place, and a change waits for what came before',
  async () => {
    const scratch = makeScratch('open files');
    const answers = await ask(
      scratch.path,
      open('new ö', 'read-write'),
      { op: 'write', handle: 0, offset: 6, data: base64('world!') },
      { op: 'write', handle: 0, offset: 0, data: base64('hello ') },
      { op: 'change-open', handle: 0, change: { sizeBytes: 11, permissions: 0o600 } },
      { op: 'read', handle: 0, offset: 6, bytes: 100 },
      { op: 'read', handle: 0, offset: 11, bytes: 100 },
      { op: 'look-at-open', handle: 0 },
      { op: 'close', handle: 0 },
      { op: 'read', handle: 0, offset: 0, bytes: 1 },
    );
    assert.equal(answers[0], { handle: 0 });
    assert.equal(answers[4], { data: base64('world') });
    assert.equal(answers[5], { data: '' });
    const [facts] = answers.flatMap((answer) => ('facts' in answer ? [answer.facts] : []));
    assert.equal([facts?.kind, (facts?.mode ?? 0) & 0o777, facts?.sizeBytes], ['file', 0o600, 11]);
    assert.is(codeOf(answers[8]), 'file-not-open');
    assert.is(readFileSync(join(scratch.path, 'new ö'), 'utf8'), 'hello world');
    scratch.remove();
  },
);

files('what leads out, and what is no file, is refused however it is asked for', async () => {
  const scratch = makeScratch('open files');
  symlinkSync('/etc', join(scratch.path, 'out'));
  symlinkSync('/etc/passwd', join(scratch.path, 'passwd'));
  execFileSync('mkfifo', [join(scratch.path, 'pipe')]);
  writeFileSync(join(scratch.path, 'file'), 'file');
  const refused: readonly (readonly [string, FileOperation])[] = [
    ['file-outside', open('out/passwd', 'read')],
    ['file-outside', open('passwd', 'write')],
    ['file-outside', open('out/new', 'write')],
    ['file-outside', { op: 'open-directory', path: 'out' }],
    ['file-outside', { op: 'look', path: 'passwd', last: 'follow' }],
    ['file-outside', { op: 'change', path: 'passwd', change: { permissions: 0o777 } }],
    ['file-outside', { op: 'remove', path: 'out/passwd' }],
    ['file-outside', { op: 'make-directory', path: 'out/new' }],
    ['file-outside', { op: 'rename', from: 'file', to: 'out/file' }],
    ['file-outside', { op: 'make-link', path: 'up', target: '../etc' }],
    ['file-outside', { op: 'make-link', path: 'up', target: '/etc' }],
    ['file-not-regular', open('pipe', 'read')],
    ['file-not-regular', open('pipe', 'write')],
    ['file-is-directory', open('.', 'write')],
    ['file-forbidden', { op: 'remove-directory', path: '.' }],
    ['file-not-found', open('absent', 'read')],
    ['file-exists', { op: 'make-directory', path: 'file' }],
  ];
  const answers = await ask(scratch.path, ...refused.map(([, operation]) => operation));
  for (const [index, [code, operation]] of refused.entries())
    assert.is(codeOf(answers[index]), code, JSON.stringify(operation));
  scratch.remove();
});

files('a directory is given in parts, and links are told and not followed', async () => {
  const scratch = makeScratch('open files');
  for (let index = 0; index < 150; index++) writeFileSync(join(scratch.path, `f${index}`), '');
  symlinkSync('/etc', join(scratch.path, 'out'));
  const answers = await ask(
    scratch.path,
    { op: 'open-directory', path: '.' },
    ...Array.from({ length: 3 }, () => ({ op: 'read-directory', handle: 0 }) as const),
    { op: 'read-link', path: 'out' },
  );
  const parts = answers.flatMap((answer) => ('entries' in answer ? [answer.entries] : []));
  assert.equal(
    parts.map(({ length }) => length),
    [100, 51, 0],
  );
  const [link] = parts.flat().filter(({ name }) => name === 'out');
  assert.is(link?.facts.kind, 'link');
  assert.equal(answers[4], { target: '/etc' });
  scratch.remove();
});

files('so many are open at once and no more', async () => {
  const scratch = makeScratch('open files');
  writeFileSync(join(scratch.path, 'file'), '');
  const many = Array.from({ length: OPEN_FILES_MAX + 1 }, () => open('file', 'read'));
  const answers = await ask(
    scratch.path,
    ...many,
    { op: 'close', handle: 7 },
    open('file', 'read'),
  );
  assert.is(codeOf(answers[OPEN_FILES_MAX - 1]), 'done');
  assert.is(codeOf(answers[OPEN_FILES_MAX]), 'files-too-many');
  assert.is(codeOf(answers.at(-1)), 'done');
  scratch.remove();
});

files.run();
