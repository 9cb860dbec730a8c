import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from './cache-directory.ts';
import type { Launch } from './launch.ts';
import { isNatsReady } from './nats.ts';
import {
  clearPostgresRemains,
  isPostgresReady,
  launchPostgres,
  type PostgresCluster,
} from './postgres.ts';
import type { ProcessPlan } from './process-plan.ts';
import type { Installation } from './settings-file.ts';

const STOP_WITHIN_MS = 10_000;
const ANSWER_WITHIN_MS = 1_000;
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The `main.ts` of each process of ours, below the repository. */
export const mains = {
  control: 'actors/control/main.ts',
  projector: 'projections/main.ts',
  gateway: 'gateway/main.ts',
  agent: 'actors/agent/main.ts',
} as const;

export type ProcessName = keyof typeof mains;

/** Where the program of a process is. */
export type FindMain = (name: ProcessName) => string;

export const mainPath: FindMain = (name) => join(root, mains[name]);

/** Names of all processes in the order of starting; they end in the opposite one. */
export const startOrder = ['nats', 'postgres', 'projector', 'control', 'agent', 'gateway'] as const;

/** The six processes of one installation, in the order of starting. */
export function embeddedPlans(
  installation: Installation,
  programs: {
    readonly natsServer: string;
    readonly cluster: PostgresCluster;
    readonly findMain: FindMain;
  },
): readonly ProcessPlan[] {
  const { directory, ports } = installation;
  const own = (name: ProcessName): ProcessPlan =>
    ownPlan(name, programs.findMain(name), installation);
  return [
    {
      name: 'nats',
      after: [],
      launch: async () => ({
        command: programs.natsServer,
        args: ['-c', directory.natsConfiguration],
        cwd: directory.path,
      }),
      isReady: () => isNatsReady(ports.nats),
      stopSignal: 'SIGTERM',
      stopWithinMs: STOP_WITHIN_MS,
    },
    postgresPlan(programs.cluster, ports.postgres),
    own('projector'),
    own('control'),
    own('agent'),
    { ...own('gateway'), isReady: () => isGatewayReady(ports.gateway) },
  ];
}

function postgresPlan(cluster: PostgresCluster, port: number): ProcessPlan {
  return {
    name: 'postgres',
    after: [],
    launch: async () => {
      await clearPostgresRemains(cluster);
      return launchPostgres(cluster, port);
    },
    isReady: async () => isPostgresReady(cluster),
    // Fast shutdown: clients are sent away, everything committed is on the disk.
    stopSignal: 'SIGINT',
    stopWithinMs: STOP_WITHIN_MS,
  };
}

function ownPlan(name: ProcessName, main: string, { directory }: Installation): ProcessPlan {
  const launch: Launch = {
    command: process.execPath,
    args: [main, '--config', directory.settings],
    cwd: directory.path,
    // Halves the time to readiness from the second start on.
    env: { ...process.env, NODE_COMPILE_CACHE: join(cacheDirectory(), 'compiled') },
  };
  return {
    name,
    after: ['nats', 'postgres'],
    launch: async () => launch,
    isReady: async (output) => /^ready$/m.test(output()),
    stopSignal: 'SIGTERM',
    stopWithinMs: STOP_WITHIN_MS,
  };
}

/** Whether a session could be created at this moment. */
function isGatewayReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/readyz', timeout: ANSWER_WITHIN_MS };
    const asked = request(options, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.once('error', () => resolve(false));
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.end();
  });
}
