import { createPublicKey, generateKeyPair } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterPeer } from '@orrery/bus';

const MODULUS_BITS = 2048;
const KEY_TYPE = 'ssh-rsa';
const COMMENT = 'work@cluster.orrery';
/** Where the SSH server of a kernel listens. */
const SSH_PORT = 2200;
const DIRECTORY = 'ssh';
const LENGTH_BYTES = 4;

/**
 * The key pair with which this kernel reaches the others, in `ssh/id_cluster` and `.pub` of its config directory.
 * Each kernel has one of its own, made on its node: the private half never leaves it.
 * @returns the public half, in the form of `authorized_keys`.
 */
export async function clusterKey(config: string): Promise<string> {
  const directory = join(config, DIRECTORY);
  const path = join(directory, 'id_cluster');
  if (!existsSync(path)) {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: MODULUS_BITS });
    const pem = privateKey.export({ type: 'pkcs1', format: 'pem' });
    await writeFile(`${path}.new`, pem, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
  const publicKey = sshPublicKey(await readFile(path, 'utf8'));
  await writeFile(`${path}.pub`, `${publicKey}\n`, { mode: 0o644 });
  return publicKey;
}

/** Lets the others in, and says how they are reached: `.ssh/authorized_keys` and `.ssh/config` of its home. */
export async function writePeers(
  home: string,
  peers: readonly ClusterPeer[],
  identityFile: string,
): Promise<void> {
  const directory = join(home, '.ssh');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const keys = peers.flatMap(({ sshPublicKey: key }) => key ?? []);
  await writeFile(join(directory, 'authorized_keys'), `${keys.join('\n')}\n`, { mode: 0o600 });
  const blocks = peers.map(({ hostname, address }) =>
    [
      `Host ${hostname}`,
      ...(address === undefined ? [] : [`  HostName ${address}`]),
      `  Port ${SSH_PORT}`,
      '  StrictHostKeyChecking no',
      '  UserKnownHostsFile /dev/null',
      `  IdentityFile ${identityFile}`,
      '',
    ].join('\n'),
  );
  await writeFile(join(directory, 'config'), blocks.join('\n'), { mode: 0o600 });
}

/** RFC 4253: the type, the exponent and the modulus, each after its length. */
function sshPublicKey(pem: string): string {
  const { e = '', n = '' } = createPublicKey(pem).export({ format: 'jwk' });
  const parts = [Buffer.from(KEY_TYPE), unsigned(e), unsigned(n)];
  const wire = Buffer.concat(parts.flatMap((part) => [lengthOf(part), part]));
  return `${KEY_TYPE} ${wire.toString('base64')} ${COMMENT}`;
}

/** A leading zero keeps a number whose first bit is set from being negative. */
function unsigned(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes;
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(part.length);
  return length;
}
