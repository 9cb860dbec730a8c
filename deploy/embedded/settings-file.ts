import { stringify } from 'smol-toml';
import type { Secrets } from './credentials.ts';
import type { DataDirectory } from './data-directory.ts';
import type { StartOptions } from './options.ts';
import type { Ports } from './ports.ts';
import { POSTGRES_DATABASE, POSTGRES_USER } from './postgres.ts';

export const NATS_USER = 'orrery';

export interface Installation {
  readonly directory: DataDirectory;
  readonly options: StartOptions;
  readonly ports: Ports;
  readonly secrets: Secrets;
  /** Socket of the Docker engine that answers; undefined when none does. */
  readonly dockerSocket: string | undefined;
}

/** Text of `run/settings.toml`, which all processes of one installation read. */
export function settingsText(installation: Installation): string {
  const { directory, options, ports, secrets, dockerSocket } = installation;
  return stringify({
    bus: {
      servers: [`127.0.0.1:${ports.nats}`],
      user: NATS_USER,
      password: secrets.natsPassword,
    },
    postgres: {
      url: `postgres://${POSTGRES_USER}:${secrets.postgresPassword}@127.0.0.1:${ports.postgres}/${POSTGRES_DATABASE}`,
    },
    // One name for all its lives: a new process takes over from a killed one at once.
    control: { host: 'control', statusPort: ports.control },
    projector: { statusPort: ports.projector },
    gateway: {
      port: ports.gateway,
      masterKey: secrets.masterKey,
      administratorFile: directory.administrator,
      ssh: { port: ports.ssh, hostKeyFile: directory.sshHostKey },
    },
    archive: { directory: directory.archive },
    agent: {
      driver: options.driver,
      dataDirectory: directory.agent,
      simulatedNodes: options.simulatedNodes,
      ...(dockerSocket === undefined ? {} : { dockerSocket }),
    },
  });
}
