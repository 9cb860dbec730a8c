import { randomInt } from 'node:crypto';
import { isPortFree } from '../../deploy/embedded/port.ts';

/** Below those that the system gives to outgoing connections. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_000;
const TRIES_MAX = 100;

/**
 * A port for a server that will be away for a while and come back: nobody's outgoing connection takes its
 * place meanwhile.
 */
export async function findQuietPort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port was found between ${PORT_MIN} and ${PORT_MAX}`);
}
