import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { type DataDirectory, readRecord, writePrivately } from './data-directory.ts';
import { DeployFailure, systemCode } from './failure.ts';
import { identify, isAlive, type ProcessIdentity, parseIdentity } from './process-identity.ts';

/** The supervisor of a data directory, as `stop` and a second `start` find it. */
export interface Holder extends ProcessIdentity {
  readonly url: string;
}

/**
 * Makes this process the only supervisor of the directory until it ends, however it ends: the lock is
 * an abstract socket, which the kernel takes back.
 * @throws {DeployFailure} `deploy.already-running`.
 */
export async function lockDirectory(directory: DataDirectory): Promise<Server> {
  const digest = createHash('sha256').update(directory.path).digest('hex').slice(0, 32);
  try {
    return await listen(`\0orrery-supervisor-${digest}`);
  } catch (cause) {
    if (systemCode(cause) !== 'EADDRINUSE') throw cause;
    const holder = findHolder(directory);
    const who = holder === undefined ? '' : ` (process ${holder.pid}, ${holder.url})`;
    throw new DeployFailure(
      'deploy.already-running',
      `Orrery already runs on ${directory.path}${who}; stop it with: npm stop -- --data-dir "${directory.path}"`,
      { cause },
    );
  }
}

/** Says who holds the lock; call it with the lock held. */
export function recordHolder(directory: DataDirectory, url: string): void {
  const holder: Holder = { ...requireIdentity(), url };
  writePrivately(holderFile(directory), `${JSON.stringify(holder)}\n`);
}

export function forgetHolder(directory: DataDirectory): void {
  rmSync(holderFile(directory), { force: true });
}

/** The supervisor that runs on the directory now; undefined when none does. */
export function findHolder(directory: DataDirectory): Holder | undefined {
  const record = readRecord(holderFile(directory));
  const identity = parseIdentity(record);
  if (identity === undefined || !isAlive(identity)) return undefined;
  return { ...identity, url: String(record?.['url'] ?? '') };
}

function holderFile(directory: DataDirectory): string {
  return join(directory.run, 'supervisor.json');
}

function requireIdentity(): ProcessIdentity {
  const identity = identify(process.pid);
  if (identity === undefined) throw new Error('/proc does not know this process');
  return identity;
}

function listen(name: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.unref();
    server.once('error', reject);
    server.listen(name, () => resolve(server));
  });
}
