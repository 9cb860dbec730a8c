import type { KernelRow, KernelSeen, SessionRow, UserRow } from '@orrery/projections';
import type { GatewayContext } from '../context.ts';
import { toEnum } from '../enum-words.ts';
import { shapeUser } from '../identity/user-shape.ts';

/** The GraphQL type Session. Kernels that are not given are looked up when they are asked for. */
export function shapeSession(
  row: SessionRow,
  kernels?: readonly (KernelRow & Partial<KernelSeen>)[],
): object {
  return {
    id: row.id,
    name: row.name,
    type: row.sessionType.toUpperCase(),
    status: row.status,
    statusInfo: row.statusInfo,
    statusMessage: row.statusMessage,
    result: row.result.toUpperCase(),
    exitCode: row.exitCode,
    image: row.image,
    command: row.command,
    owner: async (_unparsed: unknown, { loaders }: GatewayContext) =>
      shapeUser((await loaders.userById(row.ownerUserId)) ?? unregisteredOwner(row)),
    accessKey: row.accessKey,
    projectId: row.projectId,
    domain: row.domain,
    resourceGroup: row.resourceGroup,
    priority: row.priority,
    tag: row.tag,
    environ: row.environ,
    clusterMode: toEnum(row.clusterMode),
    clusterSize: async (_unparsed: unknown, { loaders }: GatewayContext) =>
      (kernels ?? (await loaders.kernelsOfSession(row.id))).length,
    requestedSlots: row.requestedSlots,
    occupiedSlots: row.occupiedSlots,
    kernels: async (_unparsed: unknown, { loaders }: GatewayContext) =>
      (kernels ?? (await loaders.kernelsOfSession(row.id))).map(shapeKernel),
    statusHistory: row.statusHistory,
    createdAt: row.createdAtMs,
    startedAt: row.startedAtMs,
    terminatedAt: row.terminatedAtMs,
    revision: row.revision,
  };
}

function shapeKernel(row: KernelRow & Partial<KernelSeen>): object {
  return {
    id: row.id,
    role: row.role,
    index: row.index,
    localRank: row.localRank,
    hostname: row.hostname,
    status: row.status,
    image: row.image,
    agentId: row.agentId,
    containerId: row.containerId,
    requestedSlots: row.requestedSlots,
    occupiedSlots: row.occupiedSlots,
    devices: row.devices,
    pullProgress: row.pullProgress,
    exitCode: row.exitCode,
    wasOutOfMemory: row.wasOutOfMemory,
    statusInfo: row.statusMessage ?? row.trouble ?? row.statusInfo,
    startedAt: row.startedAtMs,
    terminatedAt: row.terminatedAtMs,
    liveStat: (_unparsed: unknown, { gateway }: GatewayContext) =>
      gateway.statistics.findKernel(row.id)?.metrics ?? null,
  };
}

/** What the session itself knows of an owner whom the projections do not hold. */
function unregisteredOwner(
  row: SessionRow,
): Pick<UserRow, 'id' | 'email' | 'username' | 'role' | 'domain' | 'projectId'> {
  const { ownerUserId, ownerEmail, domain, projectId } = row;
  return {
    id: ownerUserId,
    email: ownerEmail,
    username: ownerEmail,
    role: 'user',
    domain,
    projectId,
  };
}
