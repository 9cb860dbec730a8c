import { readFileSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { SettingsInvalid } from '../errors.ts';
import type { ArchiveSettings } from '../settings.ts';
import { createDirectoryStore } from './directory-store.ts';
import { createS3Store } from './s3-store.ts';
import type { SegmentStore } from './segment-store.ts';

/** The store that the settings name; undefined when they name none. @throws {SettingsInvalid} */
export function openSegmentStore(
  settings: ArchiveSettings | undefined,
  clock: Clock,
): SegmentStore | undefined {
  if (settings?.directory !== undefined) return createDirectoryStore(settings.directory);
  if (settings?.s3 === undefined) return undefined;
  const { secretKeyFile, ...options } = settings.s3;
  return createS3Store({ ...options, secretKey: readSecret(secretKeyFile) }, clock);
}

function readSecret(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new SettingsInvalid(`the file of archive.s3.secretKeyFile, ${path}, cannot be read`, {
      cause,
    });
  }
}
