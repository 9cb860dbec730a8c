import { comesTrue } from './clock.ts';
import { findDataDirectory } from './data-directory.ts';
import { findHolder } from './directory-lock.ts';
import { DeployFailure, systemCode } from './failure.ts';
import { startOrder } from './plans.ts';
import { isAlive } from './process-identity.ts';
import { endOrphans } from './supervisor.ts';

/** More than the sum of what the supervisor grants its six processes. */
const STOP_WITHIN_MS = 75_000;

/**
 * Ends what runs on a data directory and waits for its end; nothing to end is no failure.
 * @throws {DeployFailure}
 */
export async function stop(path: string, say: (line: string) => void): Promise<void> {
  const directory = findDataDirectory(path);
  if (directory === undefined)
    throw new DeployFailure('deploy.directory-unusable', `${path} is no data directory of Orrery.`);
  const holder = findHolder(directory);
  if (holder === undefined) {
    const orphans = await endOrphans(directory.run, startOrder);
    say(
      orphans.length === 0
        ? `nothing runs on ${directory.path}`
        : `ended what a killed supervisor had left running: ${orphans.join(', ')}`,
    );
    return;
  }
  try {
    process.kill(holder.pid, 'SIGTERM');
  } catch (cause) {
    if (systemCode(cause) === 'EPERM')
      throw new DeployFailure(
        'deploy.directory-unusable',
        `${directory.path} is run by another user (process ${holder.pid}).`,
        { cause },
      );
  }
  const wait = { withinMs: STOP_WITHIN_MS, everyMs: 25 };
  if (!(await comesTrue(() => !isAlive(holder), wait)))
    throw new DeployFailure(
      'deploy.part-failed',
      `process ${holder.pid} did not end within ${STOP_WITHIN_MS / 1_000} s.`,
    );
  say(`stopped ${directory.path}`);
}
