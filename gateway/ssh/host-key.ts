import { randomUUID } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SettingsInvalid } from '@orrery/bus';
import ssh2 from 'ssh2';

export interface HostKey {
  /** In OpenSSH's own form. */
  readonly privateKey: string;
  /** As in `known_hosts` after the name. */
  readonly publicKey: string;
}

/**
 * The key by which this host is known, from the file, which is made with a new one when it is not there. Several who
 * start at once end with the same.
 * @throws {SettingsInvalid} when the file cannot be read or made, or holds no private key.
 */
export function loadHostKey(path: string): HostKey {
  try {
    return parseHostKey(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    if (!isMissing(cause)) throw unusable(path, cause);
  }
  try {
    makeHostKey(path);
    return parseHostKey(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** Nobody finds it half written, and who was first is not overwritten. */
function makeHostKey(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const begun = `${path}.${randomUUID()}`;
  writeFileSync(begun, ssh2.utils.generateKeyPairSync('ed25519').private, { mode: 0o600 });
  try {
    chmodSync(begun, 0o600);
    linkSync(begun, path);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
  } finally {
    unlinkSync(begun);
  }
}

function parseHostKey(privateKey: string, path: string): HostKey {
  const parsed = ssh2.utils.parseKey(privateKey);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error || !key.isPrivateKey())
    throw new SettingsInvalid(`gateway.ssh.hostKeyFile: ${path} holds no private key of OpenSSH`);
  return { privateKey, publicKey: `${key.type} ${key.getPublicSSH().toString('base64')}` };
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function unusable(path: string, cause: unknown): unknown {
  if (cause instanceof SettingsInvalid) return cause;
  return new SettingsInvalid(`gateway.ssh.hostKeyFile: ${path} cannot be used: ${String(cause)}`, {
    cause,
  });
}
