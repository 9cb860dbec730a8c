import { z } from 'zod';

/** What can be said of a node's engine as far as networks over several nodes need to know. */
export const EngineFacts = z.object({
  /** Nodes with the same one share an engine. */
  id: z.string(),
  /** Where the other nodes reach a program in this machine's own network; absent: not known. */
  address: z.string().optional(),
  /** Absent: it belongs to none. */
  swarm: z
    .object({
      /** Its own id there. */
      member: z.string(),
      /** Ids of those who can make networks over several engines; none is known to two swarms. */
      managers: z.array(z.string()),
    })
    .optional(),
});
export type EngineFacts = Readonly<z.infer<typeof EngineFacts>>;

/** How the kernels of one session reach each other. */
export const ClusterNetwork = z.discriminatedUnion('driver', [
  /** On one engine, made and removed by this node. */
  z.object({ driver: z.literal('bridge'), node: z.string() }),
  /** Over the engines of one swarm, made and removed by this node. */
  z.object({ driver: z.literal('overlay'), node: z.string() }),
  /** The machines' own network. */
  z.object({ driver: z.literal('host') }),
  /** Their nodes have no network in common. */
  z.object({ driver: z.literal('impossible'), message: z.string() }),
]);
export type ClusterNetwork = Readonly<z.infer<typeof ClusterNetwork>>;

/** A network with a name, to be made or to be gone. */
export const NamedNetwork = z.object({ name: z.string(), driver: z.enum(['bridge', 'overlay']) });
export type NamedNetwork = Readonly<z.infer<typeof NamedNetwork>>;

/** The network that a container joins, under its hostname. */
export const JoinedNetwork = z.discriminatedUnion('driver', [
  z.object({ driver: z.literal('bridge'), name: z.string() }),
  z.object({ driver: z.literal('overlay'), name: z.string() }),
  z.object({ driver: z.literal('host') }),
]);
export type JoinedNetwork = Readonly<z.infer<typeof JoinedNetwork>>;

/** What the other kernels of a session need to know of a prepared one. Nothing here is secret. */
export const KernelEndpoint = z.object({
  /** Of its machine, for the host's network. */
  address: z.string().optional(),
  /** In the form of `authorized_keys`. */
  sshPublicKey: z.string().optional(),
});
export type KernelEndpoint = Readonly<z.infer<typeof KernelEndpoint>>;

/** Another kernel of the session, or the kernel itself. */
export const ClusterPeer = KernelEndpoint.extend({ hostname: z.string() });
export type ClusterPeer = Readonly<z.infer<typeof ClusterPeer>>;

/**
 * What shall be so of a session's network on one node. Each start of a session has a network of its own name, and
 * one that is gone is never made again.
 */
export const NetworkWish = z.discriminatedUnion('shall', [
  /** Have it, and report `ready` or `failed`. */
  z.object({
    shall: z.literal('have-network'),
    revision: z.int(),
    session: z.uuid(),
    network: NamedNetwork,
  }),
  /** Not have it, as soon as nothing is attached. Nothing is reported. */
  z.object({
    shall: z.literal('drop-network'),
    revision: z.int(),
    session: z.uuid(),
    network: NamedNetwork,
  }),
]);
export type NetworkWish = Readonly<z.infer<typeof NetworkWish>>;

/** What a node says of a network that it made or should have made. */
export const NetworkReport = z.discriminatedUnion('state', [
  z.object({ state: z.literal('ready') }),
  /** It is there, and this node has no wish for it that it would remember. */
  z.object({ state: z.literal('found') }),
  z.object({
    state: z.literal('failed'),
    code: z.string(),
    message: z.string(),
    isRetryable: z.boolean(),
  }),
]);
export type NetworkReport = Readonly<z.infer<typeof NetworkReport>>;

/** Of one start of a session. */
export function networkName(
  session: string,
  { attempt, clusterMode }: { readonly attempt: number; readonly clusterMode: string },
): string {
  const name = `bai-${clusterMode === 'multi-node' ? 'multinode' : 'singlenode'}-${session}`;
  return attempt === 1 ? name : `${name}-${attempt}`;
}
