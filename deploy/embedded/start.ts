import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { nowMs } from './clock.ts';
import { keepAdministrator, keepSecrets, writeProfile } from './credentials.ts';
import {
  type DataDirectory,
  openDataDirectory,
  unusable,
  writePrivately,
} from './data-directory.ts';
import { forgetHolder, lockDirectory, recordHolder } from './directory-lock.ts';
import { findDockerSocket } from './docker-engine.ts';
import { LogFile } from './log-file.ts';
import { natsConfiguration } from './nats.ts';
import { obtainNatsServer } from './nats-server.ts';
import type { StartOptions } from './options.ts';
import { embeddedPlans, type FindMain, mainPath, startOrder } from './plans.ts';
import { assignPorts } from './ports.ts';
import { type PostgresCluster, preparePostgres } from './postgres.ts';
import type { Reporter } from './reporter.ts';
import { type Installation, NATS_USER, settingsText } from './settings-file.ts';
import { endOrphans, Supervisor } from './supervisor.ts';
import { firstSteps, isolationWarning } from './welcome.ts';

/** Exit code after Ctrl-C while things were still being set up, as a shell counts it. */
const EXIT_INTERRUPTED = 130;

/**
 * Runs an installation until this process gets SIGINT, SIGTERM or SIGHUP; resolves with the exit code.
 * @throws {DeployFailure} with everything ended that it had started.
 */
export async function supervise(
  options: StartOptions,
  reporter: Reporter,
  findMain: FindMain = mainPath,
): Promise<number> {
  const directory = openDataDirectory(options.dataDirectory);
  const lock = await lockDirectory(directory);
  const stopAsked = untilSignal();
  const log = new LogFile(join(directory.logs, 'supervisor.log'));
  log.limit();
  const say = (line: string): void => {
    reporter.say(line);
    log.append(`${timestamp()} ${line}`);
  };
  let supervisor: Supervisor | undefined;
  try {
    const installing = install(directory, options, say);
    const starting = installing.then(async ({ installation, programs }) => {
      const places = { run: directory.run, logs: directory.logs, onEnd: say };
      const plans = embeddedPlans(installation, { ...programs, findMain });
      supervisor = new Supervisor(plans, places);
      say(`starting ${startOrder.join(', ')}`);
      await supervisor.start();
      return installation;
    });
    const outcome = await Promise.race([starting, stopAsked]);
    if (typeof outcome === 'string') {
      // Ended below, or with this process.
      starting.catch(() => undefined);
      return EXIT_INTERRUPTED;
    }
    for (const line of firstSteps(outcome)) reporter.say(line);
    reporter.ready(urlOf(outcome.ports.gateway));
    const signal = await stopAsked;
    say(`${signal}: ending everything; sessions go on and are found again`);
    return 0;
  } catch (cause) {
    throw unusable(directory.path, cause);
  } finally {
    await supervisor?.stop();
    forgetHolder(directory);
    lock.close();
    log.append(`${timestamp()} ended`);
  }
}

async function install(
  directory: DataDirectory,
  options: StartOptions,
  say: (line: string) => void,
): Promise<{
  readonly installation: Installation;
  readonly programs: { readonly natsServer: string; readonly cluster: PostgresCluster };
}> {
  const orphans = await endOrphans(directory.run, startOrder);
  if (orphans.length > 0)
    say(`an earlier supervisor was killed; ended what it left running: ${orphans.join(', ')}`);
  if (!existsSync(directory.administrator)) say(`setting up ${directory.path}`);
  const ports = await assignPorts(directory, options.port);
  recordHolder(directory, urlOf(ports.gateway));
  const secrets = keepSecrets(directory);
  const administrator = keepAdministrator(directory);
  writeProfile(directory, administrator, urlOf(ports.gateway));
  if (!existsSync(directory.postgres)) say('making the database (once)');
  const [natsServer, cluster, dockerSocket] = await Promise.all([
    obtainNatsServer(say),
    preparePostgres(directory.postgres, secrets.postgresPassword),
    findDockerSocket(),
  ]);
  const warning = isolationWarning(options.driver, dockerSocket);
  if (warning !== undefined) say(warning);
  const installation = { directory, options, ports, secrets, dockerSocket };
  writePrivately(directory.settings, settingsText(installation));
  writePrivately(
    directory.natsConfiguration,
    natsConfiguration({
      port: ports.nats,
      user: NATS_USER,
      password: secrets.natsPassword,
      storeDirectory: directory.nats,
    }),
  );
  return { installation, programs: { natsServer, cluster } };
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** Later signals change nothing: each step of the stop has a deadline of its own. */
async function untilSignal(): Promise<string> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const first = Promise.race(
    signals.map(async (signal) => {
      await once(process, signal);
      return signal;
    }),
  );
  for (const signal of signals) process.on(signal, () => undefined);
  return first;
}

function timestamp(): string {
  return new Date(nowMs()).toISOString();
}
