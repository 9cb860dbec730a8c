import { networkInterfaces } from 'node:os';
import { type Clock, type Logger, type Settings, SettingsInvalid } from '@orrery/bus';
import Docker from 'dockerode';
import type { ContainerDriver } from './container-driver.ts';
import { connectDocker } from './docker/docker-driver.ts';
import type { Registries } from './docker/registries.ts';
import { EngineUnavailable } from './errors.ts';
import { ownAddress } from './networks/own-address.ts';
import { ProcessDriver } from './process/process-driver.ts';
import { SimulatedDriver } from './simulated/simulated-driver.ts';

const ENGINE_ANSWER_MS_MAX = 5_000;
const DEFAULT_SOCKET = '/var/run/docker.sock';
const HOUR_MS = 3_600_000;
const PLAIN_PORT = 2375;
/** The only variables of the agent's own environment that programs of the process driver see. */
const PASSED_ON = ['LANG', 'TZ', 'USER', 'LOGNAME'] as const;

export interface DriverChoice {
  readonly settings: Pick<
    NonNullable<Settings['agent']>,
    'driver' | 'dockerSocket' | 'images' | 'address' | 'kernelUser'
  >;
  readonly node: string;
  readonly installation: string;
  /** Where this node keeps its things. */
  readonly directory: string;
  readonly environ: Readonly<Record<string, string | undefined>>;
  /** `uid:gid` of this process; undefined: root. */
  readonly user: string | undefined;
  readonly registries: Registries;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws {EngineUnavailable} when Docker was asked for and does not answer. */
export async function chooseDriver(choice: DriverChoice): Promise<ContainerDriver> {
  const { settings, clock, logger } = choice;
  switch (settings.driver) {
    case 'simulated':
      return new SimulatedDriver({ clock });
    case 'process':
      return processDriver(choice);
    case 'docker':
      return dockerDriver(choice);
    case 'auto':
      try {
        return await dockerDriver(choice);
      } catch (cause) {
        if (!(cause instanceof EngineUnavailable)) throw cause;
        logger.warn({ err: cause.cause }, 'no Docker engine answers');
        return processDriver(choice);
      }
  }
}

async function dockerDriver(choice: DriverChoice): Promise<ContainerDriver> {
  const { settings, node, installation, directory, environ, user, clock, logger } = choice;
  if (settings.kernelUser !== undefined && user !== undefined)
    throw new SettingsInvalid('agent.kernelUser needs an agent that runs as root');
  const { pullPolicy: policy, unusedHoursMax, freePercentMin } = settings.images;
  const unusedMsMax = unusedHoursMax === 0 ? undefined : unusedHoursMax * HOUR_MS;
  const host = settings.dockerSocket ?? environ['DOCKER_HOST'] ?? DEFAULT_SOCKET;
  return await connectDocker(
    {
      docker: engineAt(host),
      owner: { node, installation },
      scratchRoot: `${directory}/scratch`,
      images: {
        registries: choice.registries,
        policy,
        removal: { unusedMsMax, freePercentMin },
        pulledFile: `${directory}/pulled-images.json`,
      },
      clock,
      logger,
      user,
      kernelUser: settings.kernelUser,
      address: settings.address ?? ownAddress(networkInterfaces()),
    },
    AbortSignal.timeout(ENGINE_ANSWER_MS_MAX),
  );
}

/** A path, or a URL as `DOCKER_HOST` has it: `unix:///path` or `tcp://host:port`. */
function engineAt(host: string): Docker {
  if (!/^(tcp|http):\/\//.test(host))
    return new Docker({ socketPath: host.replace(/^unix:\/\//, '') });
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'));
  return new Docker({ protocol: 'http', host: hostname, port: port || PLAIN_PORT });
}

function processDriver(choice: DriverChoice): ContainerDriver {
  const { directory, environ, clock, logger } = choice;
  logger.warn(
    'THERE IS NO ISOLATION: sessions run as plain processes of this user, and can read and change ' +
      'everything that this user can. Use this for development only, with people you trust.',
  );
  const passed = PASSED_ON.flatMap((name) => {
    const value = environ[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  // Our own tools are first in the path of a program started by npm, and not meant for users.
  const path = (environ['PATH'] ?? '/usr/local/bin:/usr/bin:/bin')
    .split(':')
    .filter((part) => !part.includes('node_modules'));
  return new ProcessDriver({
    directory,
    clock,
    logger,
    environ: { ...Object.fromEntries(passed), PATH: path.join(':') },
  });
}
