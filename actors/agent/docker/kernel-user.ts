import { lchown } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScratchPaths } from '../scratch.ts';

const FEATURES = 'ai.backend.features';
const UID_MATCH = 'uid-match';

/** What is written into a kernel's directories before it starts, and must belong to its user. */
const WORK_FILES = [
  ...['.bashrc', '.bash_profile', '.zshrc', 'DO_NOT_STORE_PERSISTENT_FILES_HERE.md'],
  ...['.ssh', '.ssh/authorized_keys', '.ssh/config'],
];
const CONFIG_FILES = ['ssh/id_cluster', 'ssh/id_cluster.pub'];

/**
 * `uid:gid` of a kernel's program; undefined: whoever its image says. An image without that label takes any user, and
 * one whose features leave it out runs as its own.
 */
export function kernelUser(
  users: {
    /** Of every kernel, whatever its image is. */
    readonly forced: string | undefined;
    readonly mapped: string | undefined;
  },
  imageLabels: Readonly<Record<string, string>> | undefined,
): string | undefined {
  if (users.forced !== undefined || users.mapped === undefined) return users.forced;
  const features = (imageLabels?.[FEATURES] ?? UID_MATCH).split(/\s+/);
  return features.includes(UID_MATCH) ? users.mapped : undefined;
}

/** Only what this house has written: what a user put beside it is never walked through. */
export async function giveToUser({ work, config }: ScratchPaths, user: string): Promise<void> {
  const [uid = 0, gid = uid] = user.split(':').map(Number);
  const paths = [
    work,
    ...WORK_FILES.map((name) => join(work, name)),
    ...CONFIG_FILES.map((name) => join(config, name)),
  ];
  await Promise.all(paths.map((path) => lchown(path, uid, gid).catch(unlessAbsent)));
}

function unlessAbsent(cause: unknown): void {
  if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause;
}
