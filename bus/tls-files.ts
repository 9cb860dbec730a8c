import { readFileSync } from 'node:fs';
import { SettingsInvalid } from './errors.ts';

/** Paths of PEM files in the settings, or what is in them. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * What is in the PEM files; `section` is the one of the settings that names them.
 * @throws {SettingsInvalid} naming the setting and the file that cannot be read.
 */
export function readTlsFiles(
  section: string,
  files: TlsFiles,
): { [Name in keyof TlsFiles]: string } {
  const read: { ca?: string; cert?: string; key?: string } = {};
  for (const name of ['ca', 'cert', 'key'] as const) {
    const path = files[name];
    if (path !== undefined) read[name] = readSettingFile(`${section}.${name}`, path);
  }
  return read;
}

/** @throws {SettingsInvalid} */
export function readSettingFile(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SettingsInvalid(`the file ${path} of ${setting} cannot be read`, { cause });
  }
}
