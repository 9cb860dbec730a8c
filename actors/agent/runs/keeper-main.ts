import { rmSync, writeSync } from 'node:fs';
import { createConnection } from 'node:net';
import { createLogger, systemClock } from '@orrery/bus';
import { z } from 'zod';
import { chooseDriver } from '../driver-choice.ts';
import { Keeper } from './keeper.ts';
import { KeeperPlace, openPlace } from './keeper-place.ts';

/**
 * The process that keeps what runs in a node's kernels; the agent starts it and it outlives the agent.
 * Argument: a `KeeperPlace` as JSON. Says `ready` on its fourth file when it can be asked.
 */
const PARENT = 3;
const NO_IMAGES = { pullPolicy: 'none', unusedHoursMax: 0, freePercentMin: 0 } as const;

async function main(): Promise<void> {
  const place = KeeperPlace.parse(JSON.parse(z.string().parse(process.argv[2])));
  const logger = createLogger({ name: 'keeper', level: 'warn' });
  const driver = await chooseDriver({
    // It looks at what runs; images are the agent's business.
    settings: { ...place.settings, images: NO_IMAGES },
    registries: { find: () => Promise.resolve(undefined) },
    node: place.node,
    installation: place.installation,
    directory: place.directory,
    environ: process.env,
    user: place.user,
    clock: systemClock,
    logger,
  });
  const keeper = new Keeper({ driver, directory: place.directory, clock: systemClock, logger });
  using short = openPlace(place.directory);
  if (await isAnswered(short.socket)) {
    tellParent();
    return;
  }
  rmSync(short.socket, { force: true });
  await keeper.listen(short.socket);
  tellParent();
  await keeper.untilIdle();
  rmSync(short.socket, { force: true });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function tellParent(): void {
  try {
    writeSync(PARENT, 'ready\n');
  } catch {
    // The agent that asked is gone; the next one finds the socket.
  }
}

// Signals are for the agent: what runs goes on.
for (const name of ['SIGINT', 'SIGHUP'] as const) process.on(name, () => undefined);
await main();
process.exit(0);
