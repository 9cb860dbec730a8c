import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where downloads are kept for the next data directory: `$XDG_CACHE_HOME/orrery`, `~/.cache/orrery`. */
export function cacheDirectory(): string {
  const base = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const directory = join(base, 'orrery');
  mkdirSync(directory, { recursive: true });
  return directory;
}
