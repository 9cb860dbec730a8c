import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { obtainNatsServer } from '../../deploy/embedded/nats-server.ts';
import { findQuietPort } from './quiet-port.ts';

const ANSWER_MS_MAX = 1_000;
const BALLAST = Buffer.alloc(1024 * 1024);

/** One server of a cluster, as it is to be started. */
export interface ClusterMember {
  readonly name: string;
  readonly server: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Whether it takes part in JetStream; false after its disk was full, until it is started again. */
  isWorking(): Promise<boolean>;
  /** Undefined where a disk of its own could not be had: that needs root. */
  readonly disk: FillableDisk | undefined;
}

export interface FillableDisk {
  fill(): void;
  free(): void;
}

export interface ClusterPlan {
  readonly members: readonly ClusterMember[];
  readonly user: string;
  readonly password: string;
  /** Gives the disks back. */
  remove(): void;
}

/** Three servers on the loopback interface; whoever asks starts them. */
export async function planNatsCluster(
  directory: string,
  { diskBytes }: { readonly diskBytes: number },
): Promise<ClusterPlan> {
  const command = await obtainNatsServer((line) => process.stderr.write(`${line}\n`));
  const user = 'orrery';
  const password = randomBytes(12).toString('base64url');
  const names = ['nats-1', 'nats-2', 'nats-3'];
  const places: Place[] = [];
  for (const name of names) {
    const [port, routePort, monitorPort] = [
      await findQuietPort(),
      await findQuietPort(),
      await findQuietPort(),
    ];
    places.push({ name, port, routePort, monitorPort, store: join(directory, name) });
  }
  const disks: Disk[] = [];
  const members = places.map((place): ClusterMember => {
    const { name, port, monitorPort, store } = place;
    mkdirSync(store, { recursive: true });
    const disk = Disk.mount(store, diskBytes);
    if (disk !== undefined) disks.push(disk);
    const configuration = join(directory, `${name}.conf`);
    writeFileSync(configuration, configurationOf(place, places, { user, password }), {
      mode: 0o600,
    });
    return {
      name,
      server: `127.0.0.1:${port}`,
      command,
      args: ['-c', configuration],
      isWorking: () => isWorking(monitorPort),
      disk,
    };
  });
  return {
    members,
    user,
    password,
    remove: () => {
      for (const disk of disks) disk.unmount();
    },
  };
}

interface Place {
  readonly name: string;
  readonly port: number;
  readonly routePort: number;
  readonly monitorPort: number;
  readonly store: string;
}

function configurationOf(
  { name, port, routePort, monitorPort, store }: Place,
  places: readonly Place[],
  { user, password }: { readonly user: string; readonly password: string },
): string {
  const routes = places.map((place) => `"nats://127.0.0.1:${place.routePort}"`).join(', ');
  return [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitorPort}"`,
    `authorization { user: "${user}", password: "${password}" }`,
    `jetstream { store_dir: "${store}/store", sync_interval: always }`,
    `cluster { name: orrery, listen: "127.0.0.1:${routePort}", routes: [${routes}] }`,
    'max_payload: 1MB',
    '',
  ].join('\n');
}

function isWorking(monitorPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: monitorPort,
        path: '/healthz?js-enabled-only=true',
        timeout: ANSWER_MS_MAX,
      },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      },
    );
    asked.once('error', () => resolve(false));
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.end();
  });
}

/** A file system in memory of its own, which can be filled to its last block. */
class Disk implements FillableDisk {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  static mount(path: string, sizeBytes: number): Disk | undefined {
    if (process.getuid?.() !== 0) return undefined;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', path], {
        stdio: 'ignore',
      });
      return new Disk(path);
    } catch {
      return undefined;
    }
  }

  fill(): void {
    const file = openSync(this.#ballast, 'w');
    try {
      // The server writes beside this, so what is free is not known before it is taken.
      while (writeSync(file, BALLAST) === BALLAST.byteLength);
    } catch (error) {
      if (!isNoSpace(error)) throw error;
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.#path], { stdio: 'ignore' });
  }

  get #ballast(): string {
    return join(this.#path, 'ballast');
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOSPC';
}
