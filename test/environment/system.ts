import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bus, connectBus, readSettings, type Settings } from '@orrery/bus';
import { findFreePort } from '../../deploy/embedded/port.ts';
import { connect, type OrreryClient } from '../../gateway/client/client.ts';
import { makeScratch } from './scratch.ts';

/** A test kills gateways on purpose and waits for the next one. */
const PATIENCE = { firstContactMs: 30_000, outageMs: 120_000 };

const PROGRAM = fileURLToPath(new URL('../../deploy/orrery.ts', import.meta.url));

/** A whole installation, every process real, in a directory of its own. */
export interface StartedSystem extends AsyncDisposable {
  readonly endpoint: string;
  readonly dataDirectory: string;
  readonly settings: Settings;
  readonly client: OrreryClient;
  /** Another client of the same user, with so many connections; the caller ends it. */
  connect(connectionsMax: number): OrreryClient;
  /** A second connection to the bus, to look on. */
  readonly bus: Bus;
  /** Process ids by name. */
  pids(): Readonly<Record<string, number>>;
  /** Of the process that keeps the others alive. */
  supervisorPid(): number;
  /** Starts it again on its directory and port, after everything was killed. */
  startAgain(): Promise<void>;
}

/** @throws with the end of its standard error when it does not become ready. */
export async function startSystem(
  options: readonly string[],
  environ: NodeJS.ProcessEnv = {},
): Promise<StartedSystem> {
  const scratch = makeScratch('system');
  const dataDirectory = join(scratch.path, 'data');
  const port = String(await findFreePort());
  const place = ['--data-dir', dataDirectory];
  const start = (): Promise<void> =>
    orrery(['start', ...place, '--port', port, '--detach', ...options], environ);
  await start();
  const settings = readSettings(join(dataDirectory, 'run', 'settings.toml'));
  const profile = JSON.parse(readFileSync(join(dataDirectory, 'profile.json'), 'utf8'));
  const client = connect({ ...profile, patience: PATIENCE });
  const bus = await connectBus(settings.bus, { name: 'onlooker' });
  return {
    endpoint: profile.endpoint,
    dataDirectory,
    settings,
    client,
    connect: (connectionsMax) => connect({ ...profile, patience: PATIENCE, connectionsMax }),
    bus,
    pids: () => readPids(dataDirectory),
    supervisorPid: () => pidIn(join(dataDirectory, 'run', 'supervisor.json')),
    startAgain: start,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await bus[Symbol.asyncDispose]();
      await orrery(['stop', ...place], environ);
      scratch.remove();
    },
  };
}

async function orrery(args: readonly string[], environ: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environ },
  });
  let said = '';
  child.stderr.on('data', (bytes) => {
    said = `${said}${bytes}`.slice(-4000);
  });
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`orrery ${args[0]} ended with ${code}: ${said}`);
}

function readPids(dataDirectory: string): Readonly<Record<string, number>> {
  const directory = join(dataDirectory, 'run');
  const files = readdirSync(directory).filter((name) => name.endsWith('.pid'));
  return Object.fromEntries(
    files.map((name) => [name.slice(0, -'.pid'.length), pidIn(join(directory, name))]),
  );
}

function pidIn(path: string): number {
  const text = readFileSync(path, 'utf8');
  return text.trim().startsWith('{') ? JSON.parse(text).pid : Number.parseInt(text, 10);
}

export interface ProcessUse {
  readonly cpuMs: number;
  readonly peakMib: number;
}

const TICK_MS = 10;

/**
 * CPU time and peak resident memory of a process and its children so far, from /proc; undefined when it
 * is gone. What children share is counted for each.
 */
export function useOf(pid: number): ProcessUse | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // User and system time, of the process itself and of its children that have ended.
    const ticks = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15);
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? [];
    const uses = children.flatMap((child) => useOf(Number(child)) ?? []);
    return {
      cpuMs: sum([
        ...ticks.map((count) => Number(count) * TICK_MS),
        ...uses.map((use) => use.cpuMs),
      ]),
      peakMib: sum([Number(peak?.[1] ?? 0) / 1024, ...uses.map((use) => use.peakMib)]),
    };
  } catch {
    return undefined;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
