import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { cacheDirectory } from '../../deploy/embedded/cache-directory.ts';
import { runCommand } from '../../deploy/embedded/command.ts';
import type { TestRegistry } from './docker-registry.ts';
import { packedFiles } from './image.ts';

const TAR_WITHIN_MS = 60_000;
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';

export interface PushedImage {
  readonly reference: string;
  /** Of its manifest. */
  readonly digest: string;
}

/** An image for a registry: the files of the test image, and layers of noise on top. */
export interface ImagePlan {
  /** Such as `team/python:1`. */
  readonly name: string;
  /** Bytes of each further layer; noise, so that nothing compresses. */
  readonly layerBytes?: readonly number[];
  /** As the engine says it; absent: this machine's. */
  readonly architecture?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Without the files of the test image nothing runs in it. */
  readonly isRunnable?: boolean;
}

/** Pushes it through the registry's own HTTP interface. */
export async function pushImage(registry: TestRegistry, plan: ImagePlan): Promise<PushedImage> {
  const { name, layerBytes = [], labels = {}, isRunnable = true } = plan;
  const [repository = '', tag = 'latest'] = name.split(':');
  const files = isRunnable ? [readFileSync(await packedFiles())] : [];
  const noise = await Promise.all(
    layerBytes.map((bytes, at) => layerOfNoise(`noise-${at}`, bytes)),
  );
  const tars = [...files, ...noise];
  const config = Buffer.from(
    JSON.stringify({
      architecture: plan.architecture ?? (arch() === 'x64' ? 'amd64' : arch()),
      os: 'linux',
      config: { Cmd: ['python3'], Env: ['PATH=/usr/local/bin:/usr/bin:/bin'], Labels: labels },
      rootfs: { type: 'layers', diff_ids: tars.map(digestOf) },
    }),
  );
  const layers = tars.map((tar) => gzipSync(tar, { level: 1 }));
  for (const blob of [config, ...layers]) await pushBlob(registry, repository, blob);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: described('application/vnd.docker.container.image.v1+json', config),
    layers: layers.map((layer) =>
      described('application/vnd.docker.image.rootfs.diff.tar.gzip', layer),
    ),
  });
  const answer = await fetch(`${registry.url}/v2/${repository}/manifests/${tag}`, {
    method: 'PUT',
    headers: { ...authorisation(registry), 'content-type': MANIFEST },
    body: manifest,
  });
  if (!answer.ok) throw new Error(`the manifest was refused: ${await answer.text()}`);
  return { reference: `${registry.host}/${name}`, digest: digestOf(Buffer.from(manifest)) };
}

async function pushBlob(registry: TestRegistry, repository: string, blob: Buffer): Promise<void> {
  const headers = authorisation(registry);
  const begun = await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, {
    method: 'POST',
    headers,
  });
  const place = new URL(begun.headers.get('location') ?? '', registry.url);
  place.searchParams.set('digest', digestOf(blob));
  const put = await fetch(place, {
    method: 'PUT',
    headers: { ...headers, 'content-type': 'application/octet-stream' },
    body: new Uint8Array(blob),
  });
  if (!put.ok) throw new Error(`a blob was refused: ${await put.text()}`);
}

async function layerOfNoise(name: string, bytes: number): Promise<Buffer> {
  const work = mkdtempSync(join(cacheDirectory(), 'layer-'));
  try {
    writeFileSync(join(work, name), randomBytes(bytes));
    const tar = join(work, 'layer.tar');
    const args = ['--numeric-owner', '--owner=0', '--group=0', '-C', work, '-cf', tar, name];
    const packed = await runCommand('tar', args, { withinMs: TAR_WITHIN_MS });
    if (packed.code !== 0) throw new Error(`a layer could not be packed: ${packed.stderr}`);
    return readFileSync(tar);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function authorisation({ login }: TestRegistry): Record<string, string> {
  if (login === undefined) return {};
  const pair = Buffer.from(`${login.username}:${login.password}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

function described(mediaType: string, blob: Buffer) {
  return { mediaType, size: blob.length, digest: digestOf(blob) };
}

function digestOf(blob: Buffer): string {
  return `sha256:${createHash('sha256').update(blob).digest('hex')}`;
}
