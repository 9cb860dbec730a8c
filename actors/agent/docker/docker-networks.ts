import { readFileSync } from 'node:fs';
import { derivedId, type EngineFacts } from '@orrery/bus';
import type Docker from 'dockerode';
import { z } from 'zod';
import { EngineRefused, NetworkFailed } from '../errors.ts';
import type { ClusterNetworks, MadeNetwork } from '../networks/cluster-networks.ts';
import { labels, type Ownership } from './container-options.ts';
import { callEngine, unlessMissing } from './engine.ts';

/** As Backend.AI writes it on networks of this kind. */
const CLUSTER_NETWORK = 'ai.backend.cluster-network';
const GATEWAY_BRIDGE = 'docker_gwbridge';

const EngineTold = z.object({
  ID: z.string(),
  DockerRootDir: z.string().default(''),
  Swarm: z
    .object({
      NodeID: z.string().default(''),
      LocalNodeState: z.string().default('inactive'),
      ControlAvailable: z.boolean().default(false),
      RemoteManagers: z.array(z.object({ NodeID: z.string() })).nullish(),
    })
    .optional(),
});

const Listed = z.object({
  Id: z.string(),
  Name: z.string(),
  Driver: z.string(),
  Labels: z.record(z.string(), z.string()).nullish(),
});

const Inspected = z.object({
  IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string().optional() })).nullish() }),
});

/** An engine's own id is no proof: machines made from one disk image share it, and so do engines of one machine. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Bridges of one engine, and overlays of the swarm that it manages. */
export class DockerNetworks implements ClusterNetworks {
  readonly #docker: Docker;
  readonly #owner: Ownership;
  readonly #address: string | undefined;

  constructor(options: {
    readonly docker: Docker;
    readonly owner: Ownership;
    readonly address: string | undefined;
  }) {
    this.#docker = options.docker;
    this.#owner = options.owner;
    this.#address = options.address;
  }

  async facts(signal: AbortSignal): Promise<EngineFacts> {
    const told = await callEngine('asking for the swarm', signal, () => this.#docker.info());
    const { ID, DockerRootDir, Swarm } = EngineTold.parse(told);
    const id = derivedId(ID, DockerRootDir, bootId());
    const address = this.#address === undefined ? {} : { address: this.#address };
    if (Swarm?.LocalNodeState !== 'active') return { id, ...address };
    const remote = (Swarm.RemoteManagers ?? []).map(({ NodeID }) => NodeID);
    const managers = new Set([...remote, ...(Swarm.ControlAvailable ? [Swarm.NodeID] : [])]);
    const swarm = { member: Swarm.NodeID, managers: [...managers].sort() };
    return { id: derivedId(Swarm.NodeID), ...address, swarm };
  }

  async make(network: MadeNetwork, signal: AbortSignal): Promise<void> {
    const { name, driver, session } = network;
    if ((await this.#found(name, signal)).length > 0) return;
    const { node, installation } = this.#owner;
    try {
      await callEngine('making a network', signal, () =>
        this.#docker.createNetwork({
          Name: name,
          Driver: driver,
          CheckDuplicate: true,
          // Containers, not only services of the swarm, may join.
          Attachable: driver === 'overlay',
          Labels: {
            [CLUSTER_NETWORK]: '1',
            [labels.node]: node,
            [labels.installation]: installation,
            [labels.session]: session,
          },
        }),
      );
    } catch (cause) {
      if (!(cause instanceof EngineRefused)) throw cause;
      if ((await this.#found(name, signal)).length > 0) return;
      throw new NetworkFailed(name, cause.why, { cause });
    }
  }

  async remove(name: string, signal: AbortSignal): Promise<'gone' | 'in-use'> {
    for (const { Id } of await this.#found(name, signal)) {
      try {
        await unlessMissing(
          callEngine('removing a network', signal, () => this.#docker.getNetwork(Id).remove()),
        );
      } catch (cause) {
        if (cause instanceof EngineRefused) return 'in-use';
        throw cause;
      }
    }
    return 'gone';
  }

  async list(signal: AbortSignal): Promise<readonly MadeNetwork[]> {
    return (await this.#listed({}, signal)).flatMap(({ Name: name, Driver, Labels }) => {
      const session = Labels?.[labels.session];
      if (session === undefined) return [];
      return [{ name, session, driver: Driver === 'overlay' ? Driver : ('bridge' as const) }];
    });
  }

  /** Of the bridge by which containers of overlays leave their machine: of no use to reach each other. */
  async gatewaySubnet(signal: AbortSignal): Promise<string | undefined> {
    const told = await unlessMissing(
      callEngine('looking at a network', signal, () =>
        this.#docker.getNetwork(GATEWAY_BRIDGE).inspect(),
      ),
    );
    if (told === undefined) return undefined;
    return Inspected.parse(told).IPAM.Config?.[0]?.Subnet;
  }

  async #found(name: string, signal: AbortSignal): Promise<readonly z.infer<typeof Listed>[]> {
    // The engine looks for the name as a part of names.
    const listed = await this.#listed({ name: [name] }, signal);
    return listed.filter(({ Name }) => Name === name);
  }

  async #listed(
    filters: Readonly<Record<string, readonly string[]>>,
    signal: AbortSignal,
  ): Promise<readonly z.infer<typeof Listed>[]> {
    const { node, installation } = this.#owner;
    const label = [`${labels.node}=${node}`, `${labels.installation}=${installation}`];
    const told = await callEngine('listing networks', signal, () =>
      this.#docker.listNetworks({ filters: JSON.stringify({ ...filters, label }) }),
    );
    return Listed.array().parse(told);
  }
}
