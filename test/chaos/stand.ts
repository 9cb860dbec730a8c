import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bus, connectBus, createLogger } from '@orrery/bus';
import { comesTrue } from '../../deploy/embedded/clock.ts';
import {
  clearPostgresRemains,
  launchPostgres,
  POSTGRES_DATABASE,
  POSTGRES_USER,
  type PostgresCluster,
  preparePostgres,
} from '../../deploy/embedded/postgres.ts';
import { connect, type OrreryClient } from '../../gateway/client/client.ts';
import { type ClusterPlan, planNatsCluster } from '../environment/nats-cluster.ts';
import { findQuietPort } from '../environment/quiet-port.ts';
import { makeScratch } from '../environment/scratch.ts';
import { KeptProcess } from './kept-process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLOCK = fileURLToPath(new URL('./jumping-clock.ts', import.meta.url));
const READY_MS_MAX = 120_000;
const LOOK_PERIOD_MS = 250;
/** What a client bears before it gives up; longer than any storm. Milliseconds. */
const PATIENCE_MS = 3 * 60 * 60_000;
const REPLICAS = 3;
const PROCESSES_MAX = 100;

/** Agents by name, with the resource group whose sessions each takes. */
export const AGENTS = [
  { name: 'agent-a', node: 'sim-a', driver: 'simulated', nodes: 3, group: 'default' },
  { name: 'agent-b', node: 'sim-b', driver: 'simulated', nodes: 3, group: 'default' },
  { name: 'agent-p', node: 'proc', driver: 'process', nodes: 1, group: 'process' },
] as const;

export const CONTROLS = ['control-a', 'control-b'] as const;

/** A whole cluster, every process real and kept alive: three nats-servers, two control hosts, three agents. */
export interface Stand {
  /** Everything there is: logs, settings and stores. */
  readonly directory: string;
  readonly processes: ReadonlyMap<string, KeptProcess>;
  readonly nats: ClusterPlan;
  readonly endpoint: string;
  readonly client: OrreryClient;
  /** A connection of its own to look on. */
  readonly bus: Bus;
  /** Shifts an agent's wall clock. */
  setClock(agent: string, offsetMs: number): void;
  isReady(): Promise<boolean>;
  becomesReady(): Promise<void>;
  /** Ends everything; with `keep`, the directory stays to be looked at. */
  end(files: 'keep' | 'remove'): Promise<void>;
}

export async function startStand({ diskBytes }: { readonly diskBytes: number }): Promise<Stand> {
  const scratch = makeScratch('chaos');
  const directory = scratch.path;
  const logs = join(directory, 'logs');
  mkdirSync(logs);
  const nats = await planNatsCluster(directory, { diskBytes });
  const postgres = await planPostgres(directory);
  const gatewayPort = await findQuietPort();
  const bus = {
    servers: nats.members.map(({ server }) => server),
    user: nats.user,
    password: nats.password,
    replicas: REPLICAS,
  };
  const administrator = makeAdministrator();
  const administratorFile = join(directory, 'administrator.json');
  writeFileSync(administratorFile, JSON.stringify(administrator), { mode: 0o600 });
  const shared = {
    bus,
    postgres: { url: postgres.url },
    gateway: {
      port: gatewayPort,
      masterKey: randomBytes(32).toString('base64'),
      administratorFile,
    },
    logging: { level: 'info' },
  };
  const processes = new Map<string, KeptProcess>();
  const add = (name: string, launch: ConstructorParameters<typeof KeptProcess>[0]['launch']) =>
    processes.set(name, new KeptProcess({ name, log: join(logs, `${name}.log`), launch }));
  for (const { name, command, args } of nats.members) add(name, async () => ({ command, args }));
  add('postgres', postgres.launch);
  const own = (name: string, main: string, sections: object, clock?: string): void => {
    const settings = join(directory, `${name}.toml`);
    writeFileSync(settings, tomlOf({ ...shared, ...sections }), { mode: 0o600 });
    const preloaded = clock === undefined ? [] : ['--import', CLOCK];
    add(name, async () => ({
      command: process.execPath,
      args: [...preloaded, join(ROOT, main), '--config', settings],
      env: { ...process.env, ...(clock === undefined ? {} : { CHAOS_CLOCK_FILE: clock }) },
    }));
  };
  own('projector', 'projections/main.ts', {});
  for (const name of CONTROLS) own(name, 'actors/control/main.ts', { control: { host: name } });
  own('gateway', 'gateway/main.ts', {});
  const clockOf = (agent: string): string => join(directory, `${agent}.clock`);
  for (const { name, node, driver, nodes, group } of AGENTS) {
    writeFileSync(clockOf(name), '0');
    const dataDirectory = join(directory, name);
    const agent = { node, driver, dataDirectory, simulatedNodes: nodes, resourceGroup: group };
    own(name, 'actors/agent/main.ts', { agent }, clockOf(name));
  }
  // Each child is ended with this process.
  process.setMaxListeners(PROCESSES_MAX);
  for (const each of processes.values()) each.start();
  const endpoint = `http://127.0.0.1:${gatewayPort}`;
  const { accessKey, secretKey } = administrator;
  const patience = { firstContactMs: PATIENCE_MS, outageMs: PATIENCE_MS };
  const client = connect({ endpoint, accessKey, secretKey, patience });
  const onlooker = await connectBus(
    { ...bus, partitions: 8 },
    { name: 'onlooker', logger: createLogger({ name: 'onlooker', level: 'silent' }) },
  );
  const isReady = async (): Promise<boolean> => {
    const isUp = [...processes.values()].every(({ isRunning }) => isRunning);
    if (!isUp) return false;
    const answer = await fetch(`${endpoint}/readyz`, {
      signal: AbortSignal.timeout(2_000),
    }).catch(() => undefined);
    await answer?.body?.cancel();
    return answer?.status === 200;
  };
  return {
    directory,
    processes,
    nats,
    endpoint,
    client,
    bus: onlooker,
    setClock: (agent, offsetMs) => {
      writeFileSync(clockOf(agent), String(offsetMs));
      processes.get(agent)?.signal('SIGUSR2');
    },
    isReady,
    becomesReady: async () => {
      const patient = { withinMs: READY_MS_MAX, everyMs: LOOK_PERIOD_MS };
      if (!(await comesTrue(isReady, patient)))
        throw new Error(`the cluster is not ready after ${READY_MS_MAX} ms; see ${logs}`);
    },
    end: async (files) => {
      await client[Symbol.asyncDispose]();
      await onlooker[Symbol.asyncDispose]();
      const ours = [...processes.values()].filter(({ name }) => !isServer(name));
      await Promise.all(ours.map((each) => each.end('SIGKILL')));
      await Promise.all([...processes.values()].map((each) => each.end('SIGKILL')));
      await postgres.clear();
      if (files === 'keep') return;
      nats.remove();
      scratch.remove();
    },
  };
}

function isServer(name: string): boolean {
  return name === 'postgres' || name.startsWith('nats-');
}

async function planPostgres(directory: string): Promise<{
  readonly url: string;
  readonly launch: ConstructorParameters<typeof KeptProcess>[0]['launch'];
  clear(): Promise<void>;
}> {
  const password = randomBytes(12).toString('base64url');
  const cluster: PostgresCluster = await preparePostgres(join(directory, 'postgres'), password);
  const port = await findQuietPort();
  return {
    url: `postgres://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${POSTGRES_DATABASE}`,
    launch: async () => {
      await clearPostgresRemains(cluster);
      // The machine does not lose its power here, only processes do.
      return launchPostgres(cluster, port, { fsync: 'off' });
    },
    clear: () => clearPostgresRemains(cluster),
  };
}

function makeAdministrator(): Readonly<
  Record<'email' | 'username' | 'password' | 'accessKey' | 'secretKey', string>
> {
  return {
    email: 'admin@orrery.local',
    username: 'admin',
    password: randomBytes(15).toString('base64url'),
    accessKey: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretKey: randomBytes(30).toString('base64url'),
  };
}

/** Text, numbers and lists are written in TOML as in JSON. */
export function tomlOf(sections: Readonly<Record<string, object>>): string {
  return Object.entries(sections)
    .map(([name, values]) => {
      const lines = Object.entries(values).map(
        ([key, value]) => `${key} = ${JSON.stringify(value)}`,
      );
      return [`[${name}]`, ...lines, ''].join('\n');
    })
    .join('\n');
}
