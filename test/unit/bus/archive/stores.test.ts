import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ArchiveUnavailable,
  createDirectoryStore,
  createS3Store,
  parseSettings,
  type S3Options,
  systemClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { signS3 } from '../../../../bus/archive/signature.ts';
import { ArchiveStage } from '../../../contract/archive/archive-stage.ts';
import { MemorySegments } from '../../../contract/archive/memory-segments.ts';
import { startS3 } from '../../../contract/archive/s3-server.ts';
import { segmentStoreContract } from '../../../contract/archive/segment-store.ts';
import { makeScratch } from '../../../environment/scratch.ts';

const scratch = makeScratch('archive');
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const s3 = await startS3('orrery', SECRET);
let stores = 0;
const nextStore = (): string => {
  stores += 1;
  return String(stores);
};

const s3Options = (): S3Options => ({
  endpoint: s3.endpoint,
  bucket: 'orrery',
  prefix: `cluster (a)/${nextStore()}`,
  region: 'eu-central-1',
  accessKey: 'AKIA',
  secretKey: SECRET,
});

segmentStoreContract('memory', async () => new MemorySegments());
segmentStoreContract('directory', async () =>
  createDirectoryStore(join(scratch.path, nextStore())),
);
segmentStoreContract('S3', async () => createS3Store(s3Options(), systemClock));

const details = suite('archive: its stores');
details.after(async () => {
  await s3.stop();
  scratch.remove();
});

details('a directory keeps nothing of an object that was not written to its end', async () => {
  const directory = join(scratch.path, 'torn');
  mkdirSync(join(directory, '00000001-ab.json', 'in-the-way'), { recursive: true });
  const store = createDirectoryStore(directory);
  const error = await store.put('00000001-ab.json', Buffer.from('{}')).catch((one: unknown) => one);
  assert.instance(error, ArchiveUnavailable);
  assert.equal(readdirSync(directory), ['00000001-ab.json']);
  writeFileSync(join(directory, 'torn.partial'), '');
  writeFileSync(join(directory, 'Strange Name'), '');
  assert.equal(await store.list(), ['00000001-ab.json']);
});

details('no name leads out of the store', async () => {
  const store = createDirectoryStore(join(scratch.path, 'inside'));
  for (const name of ['../outside', '/etc/passwd', '', '.hidden', 'a/b'])
    assert.ok((await store.get(name).catch((error: unknown) => error)) instanceof Error, name);
});

details('an archive is whole in a bucket and in a directory as it is in memory', async () => {
  const stage = new ArchiveStage();
  await stage.fill();
  const control = await stage.start();
  await stage.archived();
  await stage.witness();
  await control.stop();
  const directory = createDirectoryStore(join(scratch.path, 'copy'));
  for (const store of [createS3Store(s3Options(), systemClock), directory]) {
    for (const [name, bytes] of stage.store.objects) await store.put(name, bytes);
    const { faults, commits } = await stage.verify(store);
    assert.equal(faults, []);
    assert.ok(commits > stage.original.length);
    await store.remove((await store.list())[0] ?? '');
    assert.ok((await stage.verify(store)).faults.some(({ kind }) => kind === 'segment-missing'));
  }
});

details('a wrong secret is refused, and said so', async () => {
  const store = createS3Store({ ...s3Options(), secretKey: 'another' }, systemClock);
  const error = await store.get('a.json').catch((one: unknown) => one);
  assert.instance(error, ArchiveUnavailable);
  assert.match(String(error), /403 SignatureDoesNotMatch/);
  assert.is(s3.refused.length, 1);
});

details('a server that is busy is asked again, and a limit is set to that', async () => {
  const store = createS3Store(s3Options(), { ...systemClock, sleep: async () => undefined });
  s3.busy = 3;
  await store.put('a.json', Buffer.from('{}'));
  s3.busy = 4;
  const error = await store.get('a.json').catch((one: unknown) => one);
  assert.instance(error, ArchiveUnavailable);
  assert.is(s3.busy, 0);
});

/** `GET Bucket Lifecycle`, an example of the documentation of Signature Version 4. */
details('the signature of the documented example is the documented one', () => {
  const headers = signS3(
    {
      method: 'GET',
      url: new URL('https://examplebucket.s3.amazonaws.com/?lifecycle='),
      body: new Uint8Array(),
      atMs: Date.UTC(2013, 4, 24),
    },
    { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: SECRET.replace('+', '/'), region: 'us-east-1' },
  );
  assert.match(
    headers['authorization'] ?? '',
    /Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543$/,
  );
});

const BASE = `
[bus]
servers = ["127.0.0.1:4222"]
[postgres]
url = "postgres://localhost"
[gateway]
masterKey = "AAAA"
`;

details('the settings name one place, and nothing unknown', () => {
  const archive = (text: string) => parseSettings(`${BASE}[archive]\n${text}`, 'file').archive;
  assert.equal(archive('directory = "/srv/archive"'), {
    directory: '/srv/archive',
    horizonDays: 90,
    purgeDelayMinutes: 10,
  });
  assert.is(parseSettings(BASE, 'file').archive, undefined);
  for (const text of [
    '',
    'directory = "relative"',
    'directory = "/a"\nhorizon = 3',
    'directory = "/a"\nhorizonDays = -1',
    'directory = "/a"\n[archive.s3]\nendpoint = "http://a"\nbucket = "abc"\naccessKey = "a"\nsecretKeyFile = "/b"',
    '[archive.s3]\nendpoint = "ftp://a"\nbucket = "abc"\naccessKey = "a"\nsecretKeyFile = "/b"',
  ])
    assert.throws(() => archive(text), /wrong at archive/, text);
});

details.run();
