import type Docker from 'dockerode';
import * as assert from 'uvu/assert';
import { comesTrue } from '../../../deploy/embedded/clock.ts';
import type { ClusterMode } from '../../../gateway/client/model.ts';
import type { StartedSystem } from '../../environment/system.ts';

export const HOSTNAMES = ['main1', 'sub1', 'sub2', 'sub3'] as const;

const SOON_MS = 120_000;
const SESSION_LABEL = 'orrery.session';

/** Answers on a port that follows from its place in the session, so that two may share a machine's network. */
const SERVER = `
import os, socket
hosts = os.environ['BACKENDAI_CLUSTER_HOSTS'].split(',')
me = os.environ['BACKENDAI_CLUSTER_HOST']
listener = socket.create_server(('', 7000 + hosts.index(me)))
while True:
    peer, _ = listener.accept()
    peer.sendall((me + ' heard ' + peer.recv(100).decode()).encode())
    peer.close()
`;
const CLIENT = `
import os, socket
hosts = os.environ['BACKENDAI_CLUSTER_HOSTS'].split(',')
me = os.environ['BACKENDAI_CLUSTER_HOST']
for place, host in enumerate(hosts):
    with socket.create_connection((host, 7000 + place), timeout=10) as peer:
        peer.sendall(me.encode())
        assert peer.recv(100).decode() == host + ' heard ' + me, host
print('all heard')
`;

/** @throws when it does not come true in time. */
export async function soon(isSo: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  if (await comesTrue(isSo, { withinMs, everyMs: 100 })) return;
  throw new Error(`not so within ${withinMs} ms`);
}

export interface KernelUnderTest {
  readonly hostname: string;
  readonly role: string;
  /** Place of its engine. */
  readonly engine: number;
  readonly environ: Readonly<Record<string, string>>;
  readonly container: Docker.Container;
}

/** Sessions of several kernels, looked at through the engines that they run on. */
export class ClusterUnderTest {
  readonly #system: StartedSystem;
  readonly #engines: readonly Docker[];
  readonly #image: string;

  constructor(parts: {
    readonly system: StartedSystem;
    readonly engines: readonly Docker[];
    readonly image: string;
  }) {
    this.#system = parts.system;
    this.#engines = parts.engines;
    this.#image = parts.image;
  }

  async created(of: { readonly size: number; readonly mode: ClusterMode }): Promise<string> {
    const { session } = await this.#system.client.createSession({
      type: 'INTERACTIVE',
      image: this.#image,
      cpu: '0.1',
      memory: '64m',
      clusterSize: of.size,
      clusterMode: of.mode,
    });
    return session.id;
  }

  async running(of: { readonly size: number; readonly mode: ClusterMode }): Promise<string> {
    const id = await this.created(of);
    await this.until(id, 'RUNNING');
    return id;
  }

  async until(id: string, status: string): Promise<void> {
    const signal = AbortSignal.timeout(SOON_MS);
    const seen: string[] = [];
    for await (const event of this.#system.client.sessionEvents({ id }, signal)) {
      if (event.status !== null) seen.push(event.status);
      if (event.status === status) return;
    }
    const why = (await this.#system.client.findSession(id))?.statusMessage;
    throw new Error(`session ${id} was never ${status} but ${seen.join(' ')}: ${why}`);
  }

  /** The session and its network are gone, the latter at most a little later. */
  async end(id: string): Promise<void> {
    await this.#system.client.terminateSession({ id, mode: 'FORCE' });
    await this.until(id, 'TERMINATED');
    await soon(async () => (await this.networksOf(id)).length === 0, 10_000);
  }

  async kernels(session: string): Promise<readonly KernelUnderTest[]> {
    const found = await Promise.all(
      this.#engines.map(async (docker, engine) => {
        const filters = { label: [`${SESSION_LABEL}=${session}`] };
        const listed = await docker.listContainers({ filters });
        return Promise.all(
          listed.map(async ({ Id }) => {
            const container = docker.getContainer(Id);
            const { Config } = await container.inspect();
            const environ = Object.fromEntries(
              Config.Env.map((line) => {
                const at = line.indexOf('=');
                return [line.slice(0, at), line.slice(at + 1)];
              }),
            );
            const hostname = environ['BACKENDAI_CLUSTER_HOST'] ?? '';
            const role = environ['BACKENDAI_CLUSTER_ROLE'] ?? '';
            return { hostname, role, engine, environ, container };
          }),
        );
      }),
    );
    return found.flat().sort((left, right) => (left.hostname < right.hostname ? -1 : 1));
  }

  /** Every kernel is heard by every other, and by itself, under its name. */
  async talk(kernels: readonly KernelUnderTest[]): Promise<void> {
    for (const { container } of kernels) {
      const server = await container.exec({ Cmd: ['python3', '-c', SERVER] });
      await server.start({ Detach: true });
    }
    for (const { container, hostname } of kernels)
      await soon(async () => (await this.#said(container)).includes('all heard'), 30_000).catch(
        async (cause: unknown) => {
          const last = await this.#said(container);
          throw new Error(`${hostname} does not reach all: ${last}`, { cause });
        },
      );
  }

  /** What programs of a cluster rely on (reference: environment of a container). */
  async checkEnviron(kernels: readonly KernelUnderTest[], session: string): Promise<void> {
    const hosts = kernels.map(({ hostname }) => hostname).join(',');
    const subs = kernels.length - 1;
    for (const { hostname, role, environ, container } of kernels) {
      assert.is(environ['BACKENDAI_SESSION_ID'], session);
      assert.is(environ['BACKENDAI_CLUSTER_HOSTS'], hosts);
      assert.is(environ['BACKENDAI_CLUSTER_SIZE'], String(kernels.length));
      assert.is(environ['BACKENDAI_CLUSTER_REPLICAS'], `main:1,sub:${subs}`);
      assert.is(environ['BACKENDAI_CLUSTER_IDX'], hostname.slice(role.length));
      const rank = hosts.split(',').indexOf(hostname);
      assert.is(environ['BACKENDAI_CLUSTER_LOCAL_RANK'], String(rank));
      assert.match(environ['OMPI_MCA_btl_tcp_if_exclude'] ?? '', /^127\.0\.0\.1\/32,/);
      const { Config } = await container.inspect();
      assert.is(Config.Hostname, hostname);
      const keys = await this.#run(container, ['cat', '.ssh/authorized_keys']);
      assert.is(keys.match(/ssh-rsa /g)?.length, kernels.length);
    }
  }

  async listed(session: string): Promise<readonly Docker.NetworkInspectInfo[]> {
    const [docker] = this.#engines;
    const all = await Promise.all(
      this.#engines.map((engine) =>
        engine.listNetworks({ filters: { label: [`${SESSION_LABEL}=${session}`] } }),
      ),
    );
    assert.ok(docker);
    const byId = new Map(all.flat().map((network) => [network.Id, network]));
    return [...byId.values()];
  }

  /** Drivers of the networks of the session, on any engine. */
  async networksOf(session: string): Promise<readonly string[]> {
    return (await this.listed(session)).map(({ Driver }) => Driver);
  }

  #said(container: Docker.Container): Promise<string> {
    return this.#run(container, ['python3', '-c', CLIENT]);
  }

  async #run(container: Docker.Container, command: readonly string[]): Promise<string> {
    const exec = await container.exec({
      Cmd: [...command],
      AttachStdout: true,
      AttachStderr: true,
      Tty: true,
    });
    const stream = await exec.start({});
    let text = '';
    for await (const piece of stream) text += String(piece);
    return text;
  }
}
