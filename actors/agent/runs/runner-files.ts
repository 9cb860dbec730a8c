import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What runs cells, commands and apps inside a kernel, and connects to its ports. */
const FILES = [
  'python.py',
  'orrery_messages.py',
  'jupyter.py',
  'node.mjs',
  'shell.sh',
  'command.sh',
  'apps.sh',
  'app.sh',
  'dial.py',
  'dial.mjs',
  'dial.pl',
];
export const runnerDirectory = fileURLToPath(new URL('../../runner', import.meta.url));

let copied: Map<string, Promise<string>> | undefined;

/**
 * Copies the runner's files to where the engine finds a node's scratch spaces, once; each version has a
 * directory of its own, as containers of before go on with theirs.
 */
export function copyRunner(scratchRoot: string): Promise<string> {
  copied ??= new Map();
  const made = copied.get(scratchRoot) ?? copyOnce(scratchRoot);
  copied.set(scratchRoot, made);
  made.catch(() => copied?.delete(scratchRoot));
  return made;
}

async function copyOnce(scratchRoot: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of FILES) hash.update(await readFile(join(runnerDirectory, name)));
  const target = join(scratchRoot, `runner-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(target)) return target;
  const begun = `${target}.${process.pid}`;
  await mkdir(begun, { recursive: true, mode: 0o755 });
  for (const name of FILES) {
    await copyFile(join(runnerDirectory, name), join(begun, name));
    await chmod(join(begun, name), 0o644);
  }
  await chmod(begun, 0o755);
  await rename(begun, target).catch((cause: unknown) => {
    // Somebody else was first.
    if (!existsSync(target)) throw cause;
  });
  return target;
}
