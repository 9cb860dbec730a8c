import { readFile } from 'node:fs/promises';
import type { CommandContext } from '../context.ts';

export async function printVersion({ output }: CommandContext): Promise<undefined> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  const isNamed = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  const version = isNamed ? String(manifest.version) : 'unknown';
  await output.result({ version, node: process.versions.node }, () => [`orrery ${version}`]);
}
