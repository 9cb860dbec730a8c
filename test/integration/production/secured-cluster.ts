import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nkeys } from '@nats-io/transport-node';
import { isNatsReady } from '../../../deploy/embedded/nats.ts';
import { obtainNatsServer } from '../../../deploy/embedded/nats-server.ts';
import { findFreePort } from '../../../deploy/embedded/port.ts';
import {
  isPostgresReady,
  launchPostgres,
  POSTGRES_DATABASE,
  POSTGRES_USER,
  preparePostgres,
} from '../../../deploy/embedded/postgres.ts';
import { type Certificates, makeCertificates } from '../../environment/certificates.ts';
import { EnvironmentChild } from '../../environment/child.ts';
import { makeScratch } from '../../environment/scratch.ts';

const ORRERY = fileURLToPath(new URL('../../../deploy/orrery.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Servers of their own with TLS and accounts, as an operator would set them up, and our processes beside. */
export interface SecuredCluster extends AsyncDisposable {
  readonly natsServer: string;
  readonly endpoint: string;
  readonly certificates: Certificates;
  /** File with the seed of that client's key. */
  seedFile(name: string): string;
  /** Host, port and database. */
  readonly postgresPlace: string;
  /** File with the seed of a key that nobody has heard of. */
  strangerSeedFile(): string;
  /** Starts `orrery serve NAME`, and waits until it says that it is ready. */
  serve(name: 'control' | 'projector' | 'gateway' | 'agent'): Promise<void>;
  /** The same with variables over its settings; until it ends by itself. */
  serveUntilEnd(name: string, environ: Readonly<Record<string, string>>): Promise<Ended>;
  /** `orrery …` as its administrator. */
  orrery(...args: readonly string[]): Promise<Ended>;
}

export async function startSecuredCluster(): Promise<SecuredCluster> {
  const scratch = makeScratch('secured');
  const { path } = scratch;
  const children: EnvironmentChild[] = [];
  const certificates = makeCertificates(path);
  const keys = join(path, 'keys');
  const agents = ['--agent', 'node-a', '--agent', 'node-b'];
  const made = await run(['admin', 'nats-config', '--out', keys, ...agents], {});
  if (made.code !== 0) throw new Error(made.stderr);
  const natsPort = await findFreePort();
  const nats = new EnvironmentChild(
    {
      command: await obtainNatsServer(() => {}),
      args: ['-c', writeNats(path, natsPort, certificates)],
    },
    { log: join(path, 'nats.log') },
  );
  children.push(nats);
  await nats.becomesReady(() => isNatsReady(natsPort));
  const postgres = await startPostgresWithTls(path, certificates);
  children.push(postgres.child);
  const administrator = {
    email: 'admin@orrery.local',
    username: 'admin',
    password: randomBytes(12).toString('base64url'),
    accessKey: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretKey: randomBytes(30).toString('base64url'),
  };
  const administratorFile = join(path, 'administrator.json');
  writeFileSync(administratorFile, JSON.stringify(administrator), { mode: 0o600 });
  const gatewayPort = await findFreePort();
  const endpoint = `https://127.0.0.1:${gatewayPort}`;
  const profile = join(path, 'profile.json');
  const { accessKey, secretKey } = administrator;
  writeFileSync(profile, JSON.stringify({ endpoint, accessKey, secretKey }), { mode: 0o600 });
  const settings = join(path, 'orrery.toml');
  const { ca, server, client } = certificates;
  writeFileSync(
    settings,
    `[bus]
servers = ["127.0.0.1:${natsPort}"]
[bus.tls]
ca = "${ca}"
cert = "${client.cert}"
key = "${client.key}"
[postgres]
url = "${postgres.url}"
[postgres.tls]
ca = "${ca}"
[gateway]
port = ${gatewayPort}
administratorFile = "${administratorFile}"
masterKey = "to be said by the environment"
[gateway.tls]
cert = "${server.cert}"
key = "${server.key}"
[agent]
node = "node-a"
driver = "process"
dataDirectory = "${join(path, 'agent')}"
`,
    { mode: 0o600 },
  );
  const masterKey = randomBytes(32).toString('base64');
  const environOf = (name: string): Readonly<Record<string, string>> => ({
    ORRERY_BUS_NKEY_SEED_FILE: join(keys, `${name === 'agent' ? 'agent-node-a' : name}.nk`),
    ORRERY_BUS_STREAMS: name === 'control' ? 'make' : 'expect',
    ORRERY_GATEWAY_MASTER_KEY: masterKey,
  });
  const serveArguments = (name: string): readonly string[] => ['serve', name, '--config', settings];
  return {
    natsServer: `127.0.0.1:${natsPort}`,
    endpoint,
    certificates,
    postgresPlace: postgres.url.slice(postgres.url.indexOf('@') + 1),
    strangerSeedFile: () => {
      const file = join(path, 'stranger.nk');
      writeFileSync(file, nkeys.createUser().getSeed());
      return file;
    },
    seedFile: (name) => join(keys, `${name}.nk`),
    async serve(name) {
      const log = join(path, `${name}.log`);
      const launch = {
        command: process.execPath,
        args: [ORRERY, ...serveArguments(name)],
        env: { ...process.env, ...environOf(name) },
      };
      const child = new EnvironmentChild(launch, { log });
      children.push(child);
      await child.becomesReady(() => /^ready$/m.test(readFileSync(log, 'utf8')));
    },
    serveUntilEnd: (name, environ) => run(serveArguments(name), { ...environOf(name), ...environ }),
    orrery: (...args) => run(args, { ORRERY_PROFILE: profile, NODE_EXTRA_CA_CERTS: ca }),
    async [Symbol.asyncDispose]() {
      for (const child of children.toReversed())
        if (child.isRunning) await child.end(child === postgres.child ? 'SIGINT' : 'SIGTERM');
      scratch.remove();
    },
  };
}

function writeNats(path: string, port: number, { ca, server }: Certificates): string {
  const configuration = join(path, 'nats.conf');
  writeFileSync(
    configuration,
    `listen: "127.0.0.1:${port}"
tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${ca}", verify: true }
jetstream { store_dir: "${join(path, 'nats')}", sync_interval: always }
max_payload: 1MB
include "keys/accounts.conf"
`,
  );
  return configuration;
}

async function startPostgresWithTls(
  path: string,
  { server }: Certificates,
): Promise<{ readonly url: string; readonly child: EnvironmentChild }> {
  const password = randomBytes(12).toString('base64url');
  const cluster = await preparePostgres(join(path, 'postgres'), password);
  const { directory, account } = cluster;
  mkdirSync(directory, { recursive: true });
  for (const [source, name] of [
    [server.cert, 'server.pem'],
    [server.key, 'server.key'],
  ] as const) {
    const copy = join(directory, name);
    copyFileSync(source, copy);
    if (account !== undefined) chownSync(copy, account.uid, account.gid);
  }
  const port = await findFreePort();
  const settings = {
    ssl: 'on',
    ssl_cert_file: 'server.pem',
    ssl_key_file: 'server.key',
    fsync: 'off',
  };
  const launch = launchPostgres(cluster, port, settings);
  const child = new EnvironmentChild(launch, { log: join(path, 'postgres.log') });
  await child.becomesReady(() => isPostgresReady(cluster));
  const url = `postgres://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${POSTGRES_DATABASE}`;
  return { url, child };
}

function run(args: readonly string[], environ: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn(process.execPath, [ORRERY, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', ...environ },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (bytes) => {
    stdout += bytes;
  });
  child.stderr.on('data', (bytes) => {
    stderr += bytes;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
