import { z } from 'zod';
import { derivedId } from '../ids.ts';
import { Slots } from '../slots.ts';

/** Names of slots in one map of limits. */
const SLOT_NAMES_MAX = 18;
const TEXT_CHARACTERS_MAX = 4_096;
const HOSTS_MAX = 256;

/** A domain or a project is named by a word, so that it can stand in limits and in subjects. */
export const DirectoryName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/,
    'a name has 1 to 64 letters, digits, _, - or ., and begins with a letter or a digit',
  );

/** The aggregate id of what has a name that may hold other letters than an id. */
export function directoryId(kind: 'domain' | 'policy', ...parts: readonly string[]): string {
  return derivedId(kind, ...parts);
}

export const Description = z.string().max(TEXT_CHARACTERS_MAX);

/** Amounts by slot name; what is not named is not limited. */
export const SlotLimits = Slots.refine(
  (slots) => Object.keys(slots).length <= SLOT_NAMES_MAX,
  `at most ${SLOT_NAMES_MAX} slots are limited`,
);

/** What may be done with folders on a storage host (reference: host permissions). */
const FolderPermission = z.enum([
  'create-vfolder',
  'modify-vfolder',
  'delete-vfolder',
  'mount-in-session',
  'upload-file',
  'download-file',
  'invite-others',
  'set-user-specific-permission',
]);

/** Permissions by storage host `proxy:volume`. */
export const AllowedFolderHosts = z
  .record(z.string().min(1).max(256), z.array(FolderPermission))
  .refine((hosts) => Object.keys(hosts).length <= HOSTS_MAX, `at most ${HOSTS_MAX} hosts`);
