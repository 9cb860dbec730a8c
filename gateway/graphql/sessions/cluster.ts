import { derivedId, err, ok, type Rejection, type Result, type SessionRequest } from '@orrery/bus';
import type { CreateSessionInput } from './create-session-input.ts';

/** A commit that places them all has to stay well under 512 KiB. */
export const CLUSTER_SIZE_MAX = 256;

export type Cluster = Pick<SessionRequest, 'clusterMode'> & { readonly size: number };

/** How many kernels a session has, and whether they have to lie on one node. */
export function parseCluster({
  clusterSize = 1,
  clusterMode,
}: CreateSessionInput): Result<Cluster, Rejection> {
  if (!Number.isInteger(clusterSize) || clusterSize < 1 || clusterSize > CLUSTER_SIZE_MAX)
    return err({
      code: 'cluster-size-invalid',
      message: `a session has 1 to ${CLUSTER_SIZE_MAX} kernels`,
      field: 'clusterSize',
    });
  return ok({
    clusterMode: clusterMode === 'MULTI_NODE' ? 'multi-node' : 'single-node',
    size: clusterSize,
  });
}

type Kernels = SessionRequest['kernels'];

/** `main1` and then `sub1`, `sub2`, …, which all ask for the same (reference: replication rule). */
export function kernelsOf(
  sessionId: string,
  size: number,
  same: Pick<Kernels[number], 'image' | 'slots'>,
): Kernels {
  return Array.from({ length: size }, (_, localRank) => {
    const role = localRank === 0 ? 'main' : 'sub';
    const index = Math.max(1, localRank);
    const hostname = `${role}${index}`;
    const id = derivedId('kernel', sessionId, hostname);
    return { id, role, index, localRank, hostname, ...same };
  });
}
