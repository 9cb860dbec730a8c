import { type DataDirectory, readRecord, writePrivately } from './data-directory.ts';
import { DeployFailure } from './failure.ts';
import { choosePort, findFreePort, isPortFree } from './port.ts';

/** Every port of one installation; all on the loopback interface. */
export interface Ports {
  readonly gateway: number;
  readonly nats: number;
  readonly postgres: number;
  readonly control: number;
  readonly projector: number;
  readonly ssh: number;
}

/**
 * The gateway's port is `wanted` (0: a free one); the others stay what they were in `ports.json`
 * where these are still free. Writes that file.
 * @throws {DeployFailure} `deploy.port-taken`.
 */
export async function assignPorts(directory: DataDirectory, wanted: number): Promise<Ports> {
  if (wanted !== 0 && !(await isPortFree(wanted)))
    throw new DeployFailure(
      'deploy.port-taken',
      `port ${wanted} on 127.0.0.1 is taken by another program; choose another with --port N.`,
    );
  const earlier = readRecord(directory.ports) ?? {};
  const taken = new Set([wanted]);
  const assign = async (name: keyof Ports): Promise<number> => {
    const before = earlier[name];
    let port = await choosePort(typeof before === 'number' ? before : undefined);
    while (taken.has(port)) port = await findFreePort();
    taken.add(port);
    return port;
  };
  const ports: Ports = {
    gateway: wanted === 0 ? await assign('gateway') : wanted,
    nats: await assign('nats'),
    postgres: await assign('postgres'),
    control: await assign('control'),
    projector: await assign('projector'),
    ssh: await assign('ssh'),
  };
  writePrivately(directory.ports, `${JSON.stringify(ports, undefined, 2)}\n`);
  return ports;
}
