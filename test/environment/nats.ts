import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isNatsReady, natsConfiguration } from '../../deploy/embedded/nats.ts';
import { obtainNatsServer } from '../../deploy/embedded/nats-server.ts';
import { findFreePort } from '../../deploy/embedded/port.ts';
import { EnvironmentChild } from './child.ts';
import { makeScratch } from './scratch.ts';

export interface TestNats {
  readonly servers: readonly string[];
  readonly user: string;
  readonly password: string;
  readonly storeDirectory: string;
  /** Of the process that runs now; another one after `restart`. */
  readonly pid: number;
  /** Ends the server with a signal and waits until it is gone; its port and store stay. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and store, ending it first if it still runs. */
  restart(): Promise<void>;
  /** Ends it and deletes its store. */
  stop(): Promise<void>;
}

/** A real nats-server with JetStream on a file store, synced before each acknowledgement. */
export async function startNats(): Promise<TestNats> {
  const program = await obtainNatsServer((line) => process.stderr.write(`${line}\n`));
  const scratch = makeScratch('nats');
  const storeDirectory = join(scratch.path, 'store');
  mkdirSync(storeDirectory);
  const port = await findFreePort();
  const user = 'orrery';
  const password = randomBytes(12).toString('base64url');
  const configuration = join(scratch.path, 'nats.conf');
  writeFileSync(configuration, natsConfiguration({ port, user, password, storeDirectory }), {
    mode: 0o600,
  });
  const start = async (): Promise<EnvironmentChild> => {
    const launch = { command: program, args: ['-c', configuration] };
    const started = new EnvironmentChild(launch, { log: join(scratch.path, 'nats.log') });
    await started.becomesReady(() => isNatsReady(port));
    return started;
  };
  let child = await start();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.isRunning) await child.end(signal);
  };
  return {
    servers: [`127.0.0.1:${port}`],
    user,
    password,
    storeDirectory,
    get pid() {
      return child.pid;
    },
    kill: end,
    async restart() {
      await end('SIGTERM');
      child = await start();
    },
    async stop() {
      await end('SIGTERM');
      scratch.remove();
    },
  };
}
