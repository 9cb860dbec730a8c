import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Driver } from './options.ts';
import type { Installation } from './settings-file.ts';

/** Shown when sessions will not be isolated; undefined when they will be. */
export function isolationWarning(
  driver: Driver,
  dockerSocket: string | undefined,
): string | undefined {
  if (driver === 'process') return noIsolation('The process driver was chosen');
  if (driver === 'auto' && dockerSocket === undefined)
    return noIsolation('No Docker engine answers');
  return undefined;
}

/** How to log in and what to try, for the person who has just started an installation. */
export function firstSteps({ directory, ports }: Installation): readonly string[] {
  const isDefault = directory.path === join(homedir(), '.orrery');
  const profile = isDefault ? '' : `--profile "${directory.profile}" `;
  return [
    `Log in as the administrator: e-mail and password are in ${directory.administrator}; GraphiQL is at http://127.0.0.1:${ports.gateway}/graphiql.`,
    'Three commands to try, from the repository:',
    `  npx orrery ${profile}run -- python3 -c 'print(6*7)'`,
    `  npx orrery ${profile}session ls`,
    `  npx orrery ${profile}status`,
    `Sessions are reached over SSH at port ${ports.ssh}: npx orrery ${profile}ssh-key add FILE.pub, then npx orrery ${profile}ssh SESSION`,
  ];
}

function noIsolation(why: string): string {
  return `WARNING: ${why}: sessions run as plain processes of this machine, with NO ISOLATION from it or from each other. Use this for development only.`;
}
