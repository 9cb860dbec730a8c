import type { Gateway } from '../gateway.ts';

const NODES_LOOKED_AT = 100;
const IMAGES_LOOKED_AT = 1;

/** Why no session could be created at this moment; undefined when one could. */
export async function findHindrance(gateway: Gateway): Promise<string | undefined> {
  try {
    return await firstHindrance(gateway);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function firstHindrance(gateway: Gateway): Promise<string | undefined> {
  const { bus, projections, administrator, identities } = gateway;
  if (gateway.closing.aborted) return 'the gateway stops';
  const [nodes, images] = await Promise.all([
    projections.listNodes({ first: NODES_LOOKED_AT }),
    projections.listImages({ first: IMAGES_LOOKED_AT }),
    bus.log.lastSequence(),
  ]);
  if (administrator !== undefined) {
    const keypair = await identities.findKeypair(administrator.accessKey);
    const user = keypair && (await identities.findUser(keypair.userId));
    if (user === undefined) return 'the administrator is not registered yet';
  }
  const isPlaceable =
    nodes.ok &&
    nodes.value.edges.some(
      ({ row }) => row.status === 'ALIVE' && row.isSchedulable && !row.isTroubled,
    );
  if (!isPlaceable) return 'no node is alive and takes sessions';
  if (!images.ok || images.value.edges.length === 0) return 'no image is known';
  return undefined;
}
