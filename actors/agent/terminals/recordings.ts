import { createReadStream } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RecordingName, type Recordings } from '@orrery/bus';
import type { z } from 'zod';
import { RecordingNotFound } from './errors.ts';

/** Of all recordings of a node; the oldest go. They lie outside of all that programs in a kernel can reach. */
export const RECORDINGS_BYTES_MAX = 2 * 1024 * 1024 * 1024;
export const RECORDINGS = 'recordings';

type Listed = z.infer<typeof Recordings>;

export function recordingName(terminal: string, startedAtMs: number): string {
  return `${terminal}.${String(startedAtMs).padStart(13, '0')}.cast`;
}

/** Of one kernel, the oldest first. */
export async function listRecordings(directory: string, kernel: string): Promise<Listed> {
  const names = (await namesIn(join(directory, kernel))).filter(
    (name) => RecordingName.safeParse(name).success,
  );
  const found = await Promise.all(
    names.map(async (name) => {
      const { size } = await stat(join(directory, kernel, name));
      const [terminal = '', startedAt] = name.split('.');
      return { name, terminal, startedAtMs: Number(startedAt), sizeBytes: size };
    }),
  );
  return { recordings: found.sort((one, other) => one.startedAtMs - other.startedAtMs) };
}

/** @throws {RecordingNotFound} */
export async function readRecording(
  directory: string,
  { kernel, name }: { readonly kernel: string; readonly name: string },
): Promise<AsyncIterable<Buffer>> {
  const path = join(directory, kernel, name);
  try {
    await (await open(path)).close();
  } catch (cause) {
    throw new RecordingNotFound(name, { cause });
  }
  return createReadStream(path);
}

/** The oldest go, until all are less than the limit. */
export async function pruneRecordings(
  directory: string,
  bytesMax = RECORDINGS_BYTES_MAX,
): Promise<void> {
  const all: { readonly path: string; readonly bytes: number; readonly changedMs: number }[] = [];
  for (const kernel of await namesIn(directory)) {
    for (const name of await namesIn(join(directory, kernel))) {
      const path = join(directory, kernel, name);
      const { size, mtimeMs } = await stat(path);
      all.push({ path, bytes: size, changedMs: mtimeMs });
    }
  }
  let left = all.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of all.sort((one, other) => one.changedMs - other.changedMs)) {
    if (left <= bytesMax) return;
    await rm(path, { force: true });
    left -= bytes;
  }
}

/** There need be no directory. */
async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
