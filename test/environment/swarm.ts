import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { comesTrue } from '../../deploy/embedded/clock.ts';
import { runCommand } from '../../deploy/embedded/command.ts';
import { isDockerAnswering } from '../../deploy/embedded/docker-engine.ts';
import { EnvironmentChild } from './child.ts';
import { installDocker, mountsBelow } from './docker.ts';

const COMMAND_WITHIN_MS = 10_000;
const JOINED_WITHIN_MS = 30_000;
const SWARM_PORT = 2377;
const NAMESPACES = '/run/netns';
const PREFIX = 'orrery-swarm-';

/** An engine in a network namespace of its own, as on a machine of its own. */
export interface SwarmEngine {
  readonly socketPath: string;
  /** By which the other engines reach it. */
  readonly address: string;
}

export interface TestSwarm {
  /** The first is the only manager. */
  readonly engines: readonly [SwarmEngine, SwarmEngine];
  stop(): Promise<void>;
}

/** Two engines that are joined to a swarm. Needs root; what an earlier, killed run left is cleared. */
export async function startSwarm(): Promise<TestSwarm> {
  await installDocker();
  await clearRemains();
  const directory = mkdtempSync(join(tmpdir(), 'orrery-swarm-'));
  const prefix = `${PREFIX}${process.pid}n`;
  const namespaces = [`${prefix}1`, `${prefix}2`] as const;
  await joinNamespaces(namespaces);
  const children: EnvironmentChild[] = [];
  const start = async (namespace: string, number: number): Promise<SwarmEngine> => {
    const place = join(directory, String(number));
    const { child, socketPath } = await startEngine(namespace, place);
    children.push(child);
    return { socketPath, address: addressOf(number) };
  };
  const stop = async (): Promise<void> => {
    for (const child of children) await child.end('SIGTERM').catch(() => undefined);
    await removeNamespaces(namespaces);
    // An engine leaves the namespaces of its swarm mounted.
    for (const path of mountsBelow(directory))
      await runCommand('umount', ['--lazy', path], { withinMs: COMMAND_WITHIN_MS });
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const engines = [await start(namespaces[0], 1), await start(namespaces[1], 2)] as const;
    await joinSwarm(...engines);
    return { engines, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function addressOf(number: number): string {
  return `10.232.0.${10 + number}`;
}

/**
 * A cable between the two, and nothing else: rules that other engines make for this machine's own network would
 * stop what crosses a bridge there.
 */
async function joinNamespaces([first, second]: readonly [string, string]): Promise<void> {
  for (const namespace of [first, second]) await must('ip', 'netns', 'add', namespace);
  const end = (namespace: string): readonly string[] => ['eth0', 'netns', namespace];
  await must('ip', 'link', 'add', ...end(first), 'type', 'veth', 'peer', ...end(second));
  for (const [index, namespace] of [first, second].entries()) {
    const inside = ['ip', '-n', namespace] as const;
    await must(...inside, 'addr', 'add', `${addressOf(index + 1)}/24`, 'dev', 'eth0');
    for (const card of ['eth0', 'lo']) await must(...inside, 'link', 'set', card, 'up');
    // The engine looks for a way out when it chooses addresses for containers.
    await must(...inside, 'route', 'add', 'default', 'dev', 'eth0');
  }
}

async function startEngine(
  namespace: string,
  place: string,
): Promise<{ readonly child: EnvironmentChild; readonly socketPath: string }> {
  for (const name of ['data', 'exec']) mkdirSync(join(place, name), { recursive: true });
  const configuration = join(place, 'daemon.json');
  writeFileSync(configuration, '{}');
  const socketPath = join(place, 'docker.sock');
  const engine = [
    ...['setpriv', '--pdeathsig', 'TERM', 'dockerd', '--shutdown-timeout=2'],
    `--data-root=${join(place, 'data')}`,
    `--exec-root=${join(place, 'exec')}`,
    `--pidfile=${join(place, 'docker.pid')}`,
    `--host=unix://${socketPath}`,
    `--config-file=${configuration}`,
  ];
  // Not `ip netns exec`: it would hide the control groups from the engine.
  const args = [`--net=${join(NAMESPACES, namespace)}`, ...engine];
  const child = new EnvironmentChild(
    { command: 'nsenter', args },
    { log: join(place, 'log'), signalAtExit: 'SIGTERM' },
  );
  await child.becomesReady(() => isDockerAnswering(socketPath));
  return { child, socketPath };
}

async function joinSwarm(manager: SwarmEngine, worker: SwarmEngine): Promise<void> {
  const docker = new Docker({ socketPath: manager.socketPath });
  const at = ({ address }: SwarmEngine): string => `${address}:${SWARM_PORT}`;
  await docker.swarmInit({ AdvertiseAddr: manager.address, ListenAddr: at(manager) });
  const { JoinTokens } = await docker.swarmInspect();
  await new Docker({ socketPath: worker.socketPath }).swarmJoin({
    AdvertiseAddr: worker.address,
    ListenAddr: at(worker),
    RemoteAddrs: [at(manager)],
    JoinToken: JoinTokens.Worker,
  });
  const isReady = async (): Promise<boolean> => {
    const nodes: readonly { readonly Status?: { readonly State?: string } }[] =
      await docker.listNodes();
    return nodes.length === 2 && nodes.every(({ Status }) => Status?.State === 'ready');
  };
  if (!(await comesTrue(isReady, { withinMs: JOINED_WITHIN_MS, everyMs: 100 })))
    throw new Error('the engines did not become a swarm');
}

async function clearRemains(): Promise<void> {
  const names = existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : [];
  const isOver = (name: string): boolean => {
    const pid = new RegExp(`^${PREFIX}(\\d+)n\\d$`).exec(name)?.[1];
    return pid !== undefined && !isAlive(pid);
  };
  await removeNamespaces(names.filter(isOver));
}

function isAlive(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('node');
  } catch {
    return false;
  }
}

async function removeNamespaces(namespaces: readonly string[]): Promise<void> {
  for (const namespace of namespaces)
    await runCommand('ip', ['netns', 'delete', namespace], { withinMs: COMMAND_WITHIN_MS });
}

async function must(command: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand(command, [...args], { withinMs: COMMAND_WITHIN_MS });
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${stderr}`);
}
