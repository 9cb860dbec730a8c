import { spawnSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { FilePath } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listFiles, removeFile, renameFile } from '../../../../actors/agent/files/changes.ts';
import { FileRefused } from '../../../../actors/agent/files/errors.ts';
import { TAR_END, type TarEntry, tarHeader } from '../../../../actors/agent/files/tar.ts';
import {
  readFileBytes,
  readTar,
  writeFileBytes,
  writeTar,
} from '../../../../actors/agent/files/transfer.ts';
import { makeScratch } from '../../../environment/scratch.ts';

interface Tree extends Disposable {
  readonly jail: { readonly root: string; readonly home: string };
  readonly outside: string;
  at(path: string): string;
}

/** A working directory, and beside it a secret that nobody shall reach. */
function makeTree(): Tree {
  const scratch = makeScratch('files');
  const root = join(scratch.path, 'work');
  const outside = join(scratch.path, 'outside');
  mkdirSync(root);
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret');
  return {
    jail: { root, home: '/home/work' },
    outside,
    at: (path) => join(root, path),
    [Symbol.dispose]: () => scratch.remove(),
  };
}

async function* bytesOf(...texts: readonly (string | Uint8Array)[]): AsyncGenerator<Buffer, void> {
  for (const text of texts) yield Buffer.from(text as string);
}

async function gathered(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof FileRefused) return error.code;
    throw error;
  }
  return 'not refused';
}

const paths = suite('files: what a path may be');

for (const path of [
  '',
  '/',
  '/etc/passwd',
  '..',
  '../outside',
  'a/../../b',
  'a/..',
  '../',
  './..',
  'a\0b',
  '\0',
  'x'.repeat(256),
  `${'x/'.repeat(2_100)}y`,
  '\ud800',
  'a/\udfff',
  'é'.repeat(128),
  '//etc/passwd',
  'a//../..//b',
])
  paths(`${JSON.stringify(path.slice(0, 40))} is refused`, () => {
    assert.is(FilePath.safeParse(path).success, false);
  });

for (const path of [
  '.',
  'a',
  'a/b',
  '..a',
  'a..',
  '...',
  'über',
  '日本語/файл',
  '😀',
  ' ',
  'a\nb',
  '-rf',
  '*',
  '~',
  '%2e%2e',
  "'",
  '"',
  'é'.repeat(127),
])
  paths(`${JSON.stringify(path.slice(0, 40))} is taken`, () => {
    assert.is(FilePath.safeParse(path).success, true);
  });

paths.run();

const plain = suite('files: in the working directory');

for (const name of [
  'a',
  'über',
  '日本語',
  '😀',
  ' ',
  'a\nb',
  '-rf',
  '*',
  '~',
  '%2e%2e',
  "it's",
  'n\u0308',
  '.hidden',
  'x'.repeat(255 - 0),
])
  plain(
    `${JSON.stringify(name.slice(0, 20))} is written, listed, read, renamed and removed`,
    async () => {
      using tree = makeTree();
      const path = `deep/${name}`;
      await writeFileBytes(tree.jail, path, bytesOf('one', 'two'));
      assert.is((await gathered(readFileBytes(tree.jail, path))).toString(), 'onetwo');
      const { entries, directory } = await listFiles(tree.jail, 'deep');
      assert.equal(
        entries.map((entry) => [entry.name, entry.kind, entry.mode, entry.sizeBytes]),
        [[name, 'file', '-rw-r--r--', 6]],
      );
      assert.is(directory, `${tree.jail.home}/deep`);
      await renameFile(tree.jail, { from: path, to: 'other' });
      await removeFile(tree.jail, 'other', { isRecursive: false });
      assert.equal(readdirSync(tree.at('deep')), []);
    },
  );

plain(
  'an empty file, a long one and one of other bytes than text come back as they went',
  async () => {
    using tree = makeTree();
    const long = Buffer.alloc(3_000_000, 'abcdefg');
    const odd = Buffer.from([0, 255, 128, 10, 13, 0]);
    for (const [name, bytes] of [
      ['empty', Buffer.alloc(0)],
      ['long', long],
      ['odd', odd],
    ] as const) {
      await writeFileBytes(tree.jail, name, bytesOf(bytes));
      assert.ok((await gathered(readFileBytes(tree.jail, name))).equals(bytes));
    }
  },
);

plain('a link that stays inside is followed, from its own place or from the home', async () => {
  using tree = makeTree();
  mkdirSync(tree.at('a/b'), { recursive: true });
  writeFileSync(tree.at('a/file'), 'here');
  symlinkSync('../file', tree.at('a/b/link'));
  symlinkSync(`${tree.jail.home}/a`, tree.at('home'));
  assert.is((await gathered(readFileBytes(tree.jail, 'a/b/link'))).toString(), 'here');
  assert.is((await gathered(readFileBytes(tree.jail, 'home/file'))).toString(), 'here');
  await removeFile(tree.jail, 'home', { isRecursive: true });
  assert.is(existsSync(tree.at('a/file')), true, 'the link was removed, not what it led to');
});

plain('an upload that is broken off leaves nothing, and what was there stays', async () => {
  using tree = makeTree();
  writeFileSync(tree.at('file'), 'before');
  async function* broken(): AsyncGenerator<Buffer, void> {
    yield Buffer.from('half');
    throw new Error('the sender left');
  }
  try {
    await writeFileBytes(tree.jail, 'file', broken());
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /the sender left/);
  }
  assert.equal(readdirSync(tree.jail.root), ['file']);
  assert.is(readFileSync(tree.at('file'), 'utf8'), 'before');
});

plain('nothing is renamed over something, and no full directory goes without a word', async () => {
  using tree = makeTree();
  mkdirSync(tree.at('full/inner'), { recursive: true });
  writeFileSync(tree.at('a'), '');
  assert.is(await refusal(renameFile(tree.jail, { from: 'a', to: 'full' })), 'file-exists');
  assert.is(
    await refusal(removeFile(tree.jail, 'full', { isRecursive: false })),
    'directory-not-empty',
  );
  await removeFile(tree.jail, 'full', { isRecursive: true });
  assert.is(existsSync(tree.at('full')), false);
  assert.is(await refusal(removeFile(tree.jail, '.', { isRecursive: true })), 'file-forbidden');
  assert.is(await refusal(removeFile(tree.jail, 'none', { isRecursive: true })), 'file-not-found');
});

plain('a tar that was read is the one that tar knows, and unpacks to the same tree', async () => {
  using tree = makeTree();
  using other = makeTree();
  const long = `${'n'.repeat(120)}/${'é'.repeat(100)}`;
  await writeFileBytes(tree.jail, `dir/${long}`, bytesOf('long name'));
  await writeFileBytes(tree.jail, 'dir/empty', bytesOf());
  symlinkSync('empty', tree.at('dir/link'));
  spawnSync('mkfifo', [tree.at('dir/pipe')]);
  const tar = await gathered(readTar(tree.jail, ['dir']));
  const listed = spawnSync('tar', ['-tf', '-'], { input: tar, encoding: 'utf8' });
  assert.is(listed.status, 0, listed.stderr);
  assert.is(listed.stdout.trim().split('\n').length, 5);
  const written = await writeTar(other.jail, 'into', bytesOf(tar));
  assert.equal(written, { files: 2, bytes: 9 });
  assert.is(readFileSync(other.at(`into/dir/${long}`), 'utf8'), 'long name');
  assert.is(readlinkSync(other.at('into/dir/link')), 'empty');
});

plain('a tar that tar made is unpacked, with long names of either form', async () => {
  using tree = makeTree();
  using other = makeTree();
  const name = `${'d'.repeat(90)}/${'f'.repeat(90)}`;
  await writeFileBytes(tree.jail, name, bytesOf('content'));
  for (const format of ['gnu', 'pax', 'ustar']) {
    const made = spawnSync('tar', [`--format=${format}`, '-C', tree.jail.root, '-cf', '-', '.']);
    await writeTar(other.jail, format, bytesOf(made.stdout));
    assert.is(readFileSync(other.at(`${format}/${name}`), 'utf8'), 'content');
  }
});

plain.run();

const hostile = suite('files: links, devices and pipes');

/** How each operation fares with a path. */
const operations: Readonly<Record<string, (tree: Tree, path: string) => Promise<unknown>>> = {
  read: ({ jail }, path) => gathered(readFileBytes(jail, path)),
  write: ({ jail }, path) => writeFileBytes(jail, path, bytesOf('overwritten')),
  list: ({ jail }, path) => listFiles(jail, path),
  unpack: ({ jail }, path) => writeTar(jail, path, bytesOf(tarOf({ name: 'secret' }), TAR_END)),
};

function tarOf(entry: Partial<TarEntry>, content = ''): Buffer {
  const header = tarHeader({
    name: 'x',
    kind: 'file',
    sizeBytes: Buffer.byteLength(content),
    mode: 0o644,
    modifiedAtMs: 0,
    target: '',
    ...entry,
  });
  const padded = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
  padded.write(content);
  return Buffer.concat([header, padded]);
}

const traps: readonly (readonly [string, string, (tree: Tree) => void])[] = [
  ['a link to a directory outside', 'trap/secret', (t) => symlinkSync(t.outside, t.at('trap'))],
  ['a link upwards', 'trap/secret', (t) => symlinkSync('../outside', t.at('trap'))],
  [
    'a link to a link out',
    'two/secret',
    (t) => {
      symlinkSync('..', t.at('one'));
      symlinkSync('one/outside', t.at('two'));
    },
  ],
  ['a link to the root', 'trap/etc/passwd', (t) => symlinkSync('/', t.at('trap'))],
  ['a link to a path like the home', 'trap/x', (t) => symlinkSync('/home/workshop', t.at('trap'))],
  [
    'a link from the home upwards',
    'trap/outside/secret',
    (t) => symlinkSync(`${t.jail.home}/..`, t.at('trap')),
  ],
  ['a link to its own process', 'trap/cwd', (t) => symlinkSync('/proc/self', t.at('trap'))],
];

for (const [what, path, set] of traps)
  for (const [name, operate] of Object.entries(operations))
    hostile(`${what}: ${name} is refused and nothing outside is touched`, async () => {
      using tree = makeTree();
      set(tree);
      assert.is(await refusal(operate(tree, path)), 'file-outside');
      assert.equal(readdirSync(tree.outside), ['secret']);
      assert.is(readFileSync(join(tree.outside, 'secret'), 'utf8'), 'secret');
    });

hostile('a link without end, a pipe, a socket and a device are refused at once', async () => {
  using tree = makeTree();
  symlinkSync('loop', tree.at('loop'));
  spawnSync('mkfifo', [tree.at('pipe')]);
  assert.is(await refusal(gathered(readFileBytes(tree.jail, 'loop'))), 'file-too-many-links');
  assert.is(await refusal(gathered(readFileBytes(tree.jail, 'pipe'))), 'file-not-regular');
  assert.is(await refusal(writeFileBytes(tree.jail, 'pipe', bytesOf('x'))), 'file-not-regular');
  const made = spawnSync('mknod', [tree.at('null'), 'c', '1', '3']);
  if (made.status === 0) {
    assert.is(await refusal(gathered(readFileBytes(tree.jail, 'null'))), 'file-not-regular');
    assert.is(await refusal(writeFileBytes(tree.jail, 'null', bytesOf('x'))), 'file-not-regular');
  }
  assert.is(await refusal(gathered(readFileBytes(tree.jail, '.'))), 'file-is-directory');
});

hostile('a tree that holds links out is removed without what they lead to', async () => {
  using tree = makeTree();
  mkdirSync(tree.at('dir'));
  symlinkSync(tree.outside, tree.at('dir/link'));
  await removeFile(tree.jail, 'dir', { isRecursive: true });
  assert.is(existsSync(join(tree.outside, 'secret')), true);
});

hostile('a tar of a link out holds the link, not what it leads to', async () => {
  using tree = makeTree();
  symlinkSync(join(tree.outside, 'secret'), tree.at('link'));
  const tar = await gathered(readTar(tree.jail, ['link']));
  assert.is(tar.includes('secret\0'), true);
  assert.is(tar.length, 512 + TAR_END.length);
});

hostile('a directory that becomes a link between two steps leads nowhere', async () => {
  using tree = makeTree();
  mkdirSync(tree.at('dir'));
  async function* late(): AsyncGenerator<Buffer, void> {
    rmSync(tree.at('dir'), { recursive: true, force: true });
    symlinkSync(tree.outside, tree.at('dir'));
    yield Buffer.from('late');
  }
  await writeFileBytes(tree.jail, 'dir/secret', late()).catch(() => undefined);
  assert.is(readFileSync(join(tree.outside, 'secret'), 'utf8'), 'secret');
  assert.equal(readdirSync(tree.outside), ['secret']);
});

hostile.run();

const archives = suite('files: hostile archives');

const refusedEntries: readonly (readonly [string, Partial<TarEntry>, string])[] = [
  ['a name that goes up', { name: '../outside/x' }, 'file-outside'],
  ['a name that goes down and up', { name: 'a/../../x' }, 'file-outside'],
  ['a name from the root', { name: '/etc/x' }, 'file-outside'],
  ['a long name that goes up', { name: `${'a/'.repeat(80)}${'../'.repeat(81)}x` }, 'file-outside'],
  ['a part that is too long', { name: 'x'.repeat(300) }, 'file-name-invalid'],
  ['a link to the root', { kind: 'link', target: '/' }, 'file-outside'],
  ['a link upwards', { kind: 'link', target: '..' }, 'file-outside'],
  ['a link deep, then upwards', { kind: 'link', name: 'a/b', target: '../../x' }, 'file-outside'],
  ['a link that dips out', { kind: 'link', target: '../work/x' }, 'file-outside'],
  ['a link to nothing', { kind: 'link', target: '' }, 'file-outside'],
  ['a hard link', { kind: 'hard-link', target: 'x' }, 'archive-invalid'],
  ['a directory upwards', { kind: 'directory', name: '../outside/new' }, 'file-outside'],
  ['a size that no disk holds', { sizeBytes: 2 ** 50 }, 'space-exhausted'],
  ['more than is there', { sizeBytes: 4_096 }, 'archive-invalid'],
];

for (const [what, entry, code] of refusedEntries)
  archives(`${what} is refused`, async () => {
    using tree = makeTree();
    assert.is(await refusal(writeTar(tree.jail, '.', bytesOf(tarOf(entry)))), code);
    assert.equal(readdirSync(tree.outside), ['secret']);
    assert.equal(
      readdirSync(tree.jail.root).filter((name) => name.startsWith('.orrery')),
      [],
    );
  });

for (const [what, type] of [
  ['a character device', '3'],
  ['a block device', '4'],
  ['a pipe', '6'],
  ['a contiguous file', '7'],
  ['a sparse file', 'S'],
] as const)
  archives(`${what} is refused`, async () => {
    using tree = makeTree();
    const bytes = tarOf({});
    bytes[156] = type.charCodeAt(0);
    const sum = bytes
      .subarray(0, 512)
      .reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    assert.is(await refusal(writeTar(tree.jail, '.', bytesOf(bytes, TAR_END))), 'archive-invalid');
    assert.equal(readdirSync(tree.jail.root), []);
  });

archives('a link and then a file through it is refused', async () => {
  using tree = makeTree();
  symlinkSync(tree.outside, tree.at('link'));
  const tar = [tarOf({ name: 'link/secret' }, 'overwritten'), TAR_END];
  assert.is(await refusal(writeTar(tree.jail, '.', bytesOf(...tar))), 'file-outside');
  assert.is(readFileSync(join(tree.outside, 'secret'), 'utf8'), 'secret');
});

archives('a link that stays inside, and then a file through it, are taken', async () => {
  using tree = makeTree();
  const tar = [
    tarOf({ name: 'real', kind: 'directory' }),
    tarOf({ name: 'link', kind: 'link', target: 'real' }),
    tarOf({ name: 'link/file' }, 'content'),
    TAR_END,
  ];
  await writeTar(tree.jail, '.', bytesOf(...tar));
  assert.is(readFileSync(tree.at('real/file'), 'utf8'), 'content');
  assert.is(lstatSync(tree.at('link')).isSymbolicLink(), true);
});

archives('two links that lead out only together are refused when they are used', async () => {
  using tree = makeTree();
  const tar = [
    tarOf({ name: 'a/b', kind: 'directory' }),
    tarOf({ name: 'a/b/up', kind: 'link', target: '../..' }),
    tarOf({ name: 'far', kind: 'link', target: 'a/b/up/..' }),
    tarOf({ name: 'far/outside/secret' }, 'overwritten'),
    TAR_END,
  ];
  assert.is(await refusal(writeTar(tree.jail, '.', bytesOf(...tar))), 'file-outside');
  assert.is(readFileSync(join(tree.outside, 'secret'), 'utf8'), 'secret');
});

for (const [what, bytes] of [
  ['no tar at all', Buffer.from('x'.repeat(1024))],
  ['a compressed one', Buffer.from([0x1f, 0x8b, 8, 0, ...Array.from({ length: 600 }, () => 7)])],
  ['one that ends in a header', tarOf({}).subarray(0, 300)],
  ['nothing', Buffer.alloc(0)],
  ['one without an end', tarOf({ name: 'kind', kind: 'directory' })],
] as const)
  archives(`${what} is refused as no whole archive`, async () => {
    using tree = makeTree();
    assert.is(await refusal(writeTar(tree.jail, '.', bytesOf(bytes))), 'archive-invalid');
  });

archives.run();
