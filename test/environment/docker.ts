import { randomInt } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { nowMs } from '../../deploy/embedded/clock.ts';
import { runCommand } from '../../deploy/embedded/command.ts';
import { findDockerSocket, isDockerAnswering } from '../../deploy/embedded/docker-engine.ts';
import type { Launch } from '../../deploy/embedded/launch.ts';
import { EnvironmentChild } from './child.ts';

/** Set by `test/run.ts`, so that all suites of a run share one engine. */
export const ENGINE_VARIABLE = 'ORRERY_TEST_DOCKER_SOCKET';

const INSTALL_WITHIN_MS = 240_000;
const PROBE_WITHIN_MS = 10_000;
const NETWORKS = 250;
/** A short path: a Unix socket's may have 107 bytes. */
const PREFIX = '/tmp/orrery-docker-';
const REMAINS_AGE_MS_MIN = 120_000;

export interface TestEngine {
  readonly socketPath: string;
  /** Ends a private engine with its containers; leaves any other alone. */
  stop(): Promise<void>;
}

let shared: Promise<TestEngine> | undefined;

/**
 * An engine that answers, else a private one (which needs root), else a failure that says why. Asked
 * again in one process it is the same engine. A private one ends with the process that started it.
 */
export function dockerEngine(): Promise<TestEngine> {
  shared ??= findEngine();
  return shared;
}

/** Whether `dockerEngine` can succeed here: an engine answers, or one may be started. */
export async function isDockerPossible(): Promise<boolean> {
  return (await answeringSocket()) !== undefined || process.getuid?.() === 0;
}

async function findEngine(): Promise<TestEngine> {
  const socketPath = await answeringSocket();
  if (socketPath !== undefined) return { socketPath, stop: async () => undefined };
  if (process.getuid?.() !== 0)
    throw new Error('no Docker engine answers, and only root can start a private one');
  await installDocker();
  return startPrivateEngine();
}

async function answeringSocket(): Promise<string | undefined> {
  const given = process.env[ENGINE_VARIABLE] ?? '';
  if (given !== '' && (await isDockerAnswering(given))) return given;
  return findDockerSocket();
}

/** The engine's program, from the packages of this machine where it is missing. Needs root. */
export async function installDocker(): Promise<void> {
  if (await succeeds('dockerd', '--version')) return;
  process.stderr.write('installing docker.io with apt-get\n');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, withinMs: INSTALL_WITHIN_MS };
  await runCommand('apt-get', ['update', '-qq'], options);
  const args = ['install', '-y', '-qq', '--no-install-recommends', 'docker.io', 'iptables'];
  await runCommand('apt-get', args, {
    ...options,
    // The package must not start an engine of its own: ours are private.
    env: { ...env, RUNLEVEL: '1' },
  });
  if (await succeeds('dockerd', '--version')) return;
  throw new Error('no Docker engine answers, and docker.io could not be installed with apt-get');
}

async function startPrivateEngine(): Promise<TestEngine> {
  await clearRemains();
  const directory = mkdtempSync(PREFIX);
  const bridge = await makeBridge(bridgeName(directory));
  const failures: string[] = [];
  for (const network of networks(bridge)) {
    const child = new EnvironmentChild(engineLaunch(directory, network), {
      log: join(directory, 'log'),
      // Killed outright it would leave its containers and its containerd behind.
      signalAtExit: 'SIGTERM',
    });
    try {
      const socketPath = join(directory, 'docker.sock');
      await child.becomesReady(() => isDockerAnswering(socketPath));
      return { socketPath, stop: () => endEngine(child, directory, bridge) };
    } catch (error) {
      failures.push(String(error));
      if (child.isRunning) await child.end('SIGTERM');
    }
  }
  await removeBridge(bridge);
  rmSync(directory, { recursive: true, force: true });
  throw new Error(`no private Docker engine could be started: ${failures.at(-1)}`);
}

/** From the network that containers usually have to none, for machines that forbid the former. */
function networks(bridge: string | undefined): readonly (readonly string[])[] {
  const withoutRules = ['--iptables=false', '--ip6tables=false', '--ip-masq=false'];
  const none = ['--bridge=none', ...withoutRules];
  if (bridge === undefined) return [none];
  return [[`--bridge=${bridge}`], [`--bridge=${bridge}`, ...withoutRules], none];
}

function engineLaunch(directory: string, network: readonly string[]): Launch {
  for (const name of ['data', 'exec']) mkdirSync(join(directory, name), { recursive: true });
  // The machine's own configuration is not meant for this engine.
  const configuration = join(directory, 'daemon.json');
  writeFileSync(configuration, '{}');
  const args = [
    `--data-root=${join(directory, 'data')}`,
    `--exec-root=${join(directory, 'exec')}`,
    `--pidfile=${join(directory, 'docker.pid')}`,
    `--host=unix://${join(directory, 'docker.sock')}`,
    `--config-file=${configuration}`,
    '--shutdown-timeout=2',
    ...network,
  ];
  // An engine must not outlive a test run that was killed.
  return { command: 'setpriv', args: ['--pdeathsig', 'TERM', 'dockerd', ...args] };
}

/** Files and bridges of engines whose test run was killed before it could end them. */
async function clearRemains(): Promise<void> {
  const names = readdirSync(dirname(PREFIX)).filter((name) => name.startsWith(basename(PREFIX)));
  for (const name of names) {
    const directory = join(dirname(PREFIX), name);
    const changedMs = statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const isYoung = nowMs() - changedMs < REMAINS_AGE_MS_MIN;
    if (isYoung || isEngineAlive(directory)) continue;
    for (const path of mountsBelow(directory)) await succeeds('umount', '--lazy', path);
    await removeBridge(bridgeName(directory));
    rmSync(directory, { recursive: true, force: true });
  }
}

function isEngineAlive(directory: string): boolean {
  const file = join(directory, 'docker.pid');
  if (!existsSync(file)) return false;
  const pid = readFileSync(file, 'utf8').trim();
  const commandLine = join('/proc', pid, 'cmdline');
  return existsSync(commandLine) && readFileSync(commandLine, 'utf8').includes(directory);
}

async function endEngine(
  child: EnvironmentChild,
  directory: string,
  bridge: string | undefined,
): Promise<void> {
  shared = undefined;
  if (child.isRunning) await child.end('SIGTERM');
  await removeBridge(bridge);
  mountsBelow(directory).forEach((path) => {
    process.stderr.write(`left mounted: ${path}\n`);
  });
  rmSync(directory, { recursive: true, force: true });
}

/** Where something is mounted below the directory. */
export function mountsBelow(directory: string): readonly string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`));
}

function bridgeName(directory: string): string {
  return `orrery${directory.slice(-6)}`;
}

/** A bridge of its own keeps the engine away from the networks of any other. */
async function makeBridge(name: string): Promise<string | undefined> {
  if (!(await succeeds('ip', 'link', 'add', name, 'type', 'bridge'))) return undefined;
  const first = randomInt(NETWORKS);
  for (let offset = 0; offset < NETWORKS; offset++) {
    const network = `10.231.${(first + offset) % NETWORKS}`;
    if (await succeeds('sh', '-c', `ip -o addr | grep -qF 'inet ${network}.'`)) continue;
    await succeeds('ip', 'addr', 'add', `${network}.1/24`, 'dev', name);
    await succeeds('ip', 'link', 'set', name, 'up');
    return name;
  }
  await removeBridge(name);
  return undefined;
}

async function removeBridge(name: string | undefined): Promise<void> {
  if (name !== undefined) await succeeds('ip', 'link', 'delete', name);
}

async function succeeds(program: string, ...args: readonly string[]): Promise<boolean> {
  return (await runCommand(program, args, { withinMs: PROBE_WITHIN_MS })).code === 0;
}
