import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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

const PACK_WITHIN_MS = 60_000;
const BASE_PACKAGES = ['dash', 'coreutils', 'base-files', 'base-passwd'];

/** An image made of packages of this machine's Debian or Ubuntu archive. */
export interface PackagedImage {
  /** With a tag, which is raised when the image changes. */
  readonly reference: string;
  /** Besides a shell and the core utilities. */
  readonly packages: readonly string[];
  /** Of what those depend on, what the tests can do without. */
  readonly without?: RegExp | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Reference of another image, whose files it has. */
  readonly filesOf?: string | undefined;
}

export const PYTHON: PackagedImage = {
  reference: 'orrery-test-python:1',
  packages: ['python3-minimal'],
};
const MERGED_DIRECTORIES = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** By the socket of the engine that holds it, and its reference. */
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
export function testImageIn(socketPath: string): Promise<string> {
  return packagedImageIn(socketPath, PYTHON);
}

/** Reference of an image in the engine, made and loaded where it is not there yet. */
export function packagedImageIn(socketPath: string, image: PackagedImage): Promise<string> {
  const key = `${socketPath} ${image.reference}`;
  const loading = loaded.get(key) ?? loadImage(socketPath, image);
  loaded.set(key, loading);
  return loading;
}

async function loadImage(socketPath: string, image: PackagedImage): Promise<string> {
  const { reference, labels = {} } = image;
  const docker = new Docker({ socketPath });
  const present = await docker.listImages({ filters: { reference: [reference] } });
  if (present.length > 0) return reference;
  const [repo, tag] = reference.split(':');
  const labelled = Object.entries(labels).map(
    ([name, value]) => `LABEL ${name}=${JSON.stringify(value)}`,
  );
  const progress = await docker.importImage(await packedFiles(image), {
    repo,
    tag,
    changes: ['CMD ["python3"]', 'ENV PATH=/usr/local/bin:/usr/bin:/bin', ...labelled],
  });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()));
  });
  return reference;
}

/** Path of the tar with the root file system of a test image; made once a machine. */
export async function packedFiles(image: PackagedImage = PYTHON): Promise<string> {
  const cache = cacheDirectory();
  const { reference, filesOf = reference } = image;
  const target = join(cache, `test-image-${filesOf.replace(':', '-')}-${arch()}.tar`);
  if (existsSync(target)) return target;
  const work = mkdtempSync(join(cache, 'image-'));
  try {
    const root = join(work, 'root');
    await fillRoot(root, work, image);
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

async function fillRoot(root: string, work: string, image: PackagedImage): Promise<void> {
  for (const name of MERGED_DIRECTORIES) {
    mkdirSync(join(root, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const [index, archive] of (await findArchives()).entries()) {
    const source = new PackageSource(archive, join(work, `archive-${index}`));
    if (!(await source.update())) continue;
    const needed = await source.closure([...BASE_PACKAGES, ...image.packages]);
    const names = needed.filter((name) => image.without?.test(name) !== true);
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
  linkAlternatives(join(root, 'usr/lib'));
  for (const name of ['usr/share/doc', 'usr/share/locale', 'usr/share/man', 'var/lib/dpkg'])
    rmSync(join(root, name), { recursive: true, force: true });
}

/** Libraries of which a system chooses one of several makes: here there is one of each. */
function linkAlternatives(libraries: string): void {
  for (const triplet of readdirSync(libraries)) {
    for (const [name, library] of [
      ['blas', 'libblas.so.3'],
      ['lapack', 'liblapack.so.3'],
    ] as const) {
      if (existsSync(join(libraries, triplet, name, library)))
        symlinkSync(`${name}/${library}`, join(libraries, triplet, library));
    }
  }
}
