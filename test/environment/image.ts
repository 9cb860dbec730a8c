import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { cacheDirectory } from '../../deploy/embedded/cache-directory.ts';
import { runCommand } from '../../deploy/embedded/command.ts';
import { findArchives, PackageSource } from '../../deploy/embedded/debian-packages.ts';
import { dockerEngine } from './docker.ts';

/** Set by `test/run.ts` once the image is in the engine of the run. */
export const IMAGE_VARIABLE = 'ORRERY_TEST_IMAGE';

const REFERENCE = 'orrery-test-python:1';
const PACK_WITHIN_MS = 60_000;
const PACKAGES = ['python3-minimal', 'dash', 'coreutils', 'base-files', 'base-passwd'];
const MERGED_DIRECTORIES = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** By the socket of the engine that holds it. */
const loaded = new Map<string, Promise<string>>();

/**
 * Reference of a small image with python3, sh, sleep and cat in the engine of `dockerEngine()`. Its
 * files come from the packages of this machine's Debian or Ubuntu archive and are cached as a tar.
 */
export async function testImage(): Promise<string> {
  const ready = process.env[IMAGE_VARIABLE];
  if (ready !== undefined && ready !== '') return ready;
  return testImageIn((await dockerEngine()).socketPath);
}

/** The same in another engine. */
export async function testImageIn(socketPath: string): Promise<string> {
  const image = loaded.get(socketPath) ?? loadImage(socketPath);
  loaded.set(socketPath, image);
  return image;
}

async function loadImage(socketPath: string): Promise<string> {
  const docker = new Docker({ socketPath });
  const present = await docker.listImages({ filters: { reference: [REFERENCE] } });
  if (present.length > 0) return REFERENCE;
  const [repo, tag] = REFERENCE.split(':');
  const progress = await docker.importImage(await packedFiles(), {
    repo,
    tag,
    changes: ['CMD ["python3"]', 'ENV PATH=/usr/local/bin:/usr/bin:/bin'],
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()));
  });
  return REFERENCE;
}

/** Path of the tar with the root file system of the test image; made once a machine. */
export async function packedFiles(): Promise<string> {
  const cache = cacheDirectory();
  const target = join(cache, `test-image-${REFERENCE.replace(':', '-')}-${arch()}.tar`);
  if (existsSync(target)) return target;
  const work = mkdtempSync(join(cache, 'image-'));
  try {
    const root = join(work, 'root');
    await fillRoot(root, work);
    const tar = join(work, 'image.tar');
    const args = ['--numeric-owner', '--owner=0', '--group=0', '-C', root, '-cf', tar, '.'];
    const packed = await runCommand('tar', args, { withinMs: PACK_WITHIN_MS });
    if (packed.code !== 0) throw new Error(`the test image could not be packed: ${packed.stderr}`);
    renameSync(tar, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

async function fillRoot(root: string, work: string): Promise<void> {
  for (const name of MERGED_DIRECTORIES) {
    mkdirSync(join(root, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const [index, archive] of (await findArchives()).entries()) {
    const source = new PackageSource(archive, join(work, `archive-${index}`));
    if (!(await source.update())) continue;
    const names = await source.closure(PACKAGES);
    if (names.length === 0 || !(await source.extract(names, root))) continue;
    finishRoot(root);
    return;
  }
  throw new Error(
    'the test image could not be made: it needs apt and the archive of Debian or Ubuntu',
  );
}

/** What the packages' own scripts would have done, as far as a container needs it. */
function finishRoot(root: string): void {
  for (const name of ['etc', 'tmp', 'root', 'proc', 'sys', 'dev'])
    mkdirSync(join(root, name), { recursive: true });
  for (const name of ['passwd', 'group']) {
    const text = name === 'passwd' ? 'root:x:0:0:root:/root:/bin/sh\n' : 'root:x:0:\n';
    writeFileSync(join(root, 'etc', name), text);
  }
  for (const name of ['usr/share/doc', 'usr/share/locale', 'usr/share/man', 'var/lib/dpkg'])
    rmSync(join(root, name), { recursive: true, force: true });
}
