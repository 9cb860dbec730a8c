import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { findFreePort } from '../../deploy/embedded/port.ts';
import {
  clearPostgresRemains,
  isPostgresReady,
  launchPostgres,
  POSTGRES_DATABASE,
  POSTGRES_USER,
  preparePostgres,
} from '../../deploy/embedded/postgres.ts';
import { EnvironmentChild } from './child.ts';
import { makeScratch } from './scratch.ts';

export interface TestPostgres {
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now; another one after `restart`. */
  readonly pid: number;
  /** Ends the server with a signal (`SIGINT`: at once and in order) and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and files, ending it first if it still runs. */
  restart(): Promise<void>;
  /** Ends it and deletes its files. */
  stop(): Promise<void>;
}

/** Its commits are as little synced to the disk as a test may bear. */
const QUICK = { fsync: 'off', full_page_writes: 'off' };

/** A PostgreSQL 18 of its own with one empty database; synced to the disk only if asked for. */
export async function startPostgres(
  options: { readonly isSynced?: boolean } = {},
): Promise<TestPostgres> {
  const settings = options.isSynced === true ? {} : QUICK;
  const scratch = makeScratch('postgres');
  const password = randomBytes(12).toString('base64url');
  const cluster = await preparePostgres(join(scratch.path, 'cluster'), password);
  const port = await findFreePort();
  const start = async (): Promise<EnvironmentChild> => {
    await clearPostgresRemains(cluster);
    const launch = launchPostgres(cluster, port, settings);
    const started = new EnvironmentChild(launch, { log: join(scratch.path, 'postgres.log') });
    await started.becomesReady(() => isPostgresReady(cluster));
    return started;
  };
  let child = await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.isRunning) await child.end(signal);
  };
  return {
    url: `postgres://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${POSTGRES_DATABASE}`,
    port,
    get pid() {
      return child.pid;
    },
    kill: end,
    async restart() {
      await end('SIGINT');
      child = await start();
    },
    async stop() {
      await end('SIGINT');
      scratch.remove();
    },
  };
}
