import { type KernelSpec, known, networkName, type SessionRequest } from '@orrery/bus';
import type { Kernel, SessionContext, SessionSnapshot } from './machine.ts';

/** Everything the agent must know, with the variables that programs of Backend.AI's images rely on. */
export function kernelSpec(
  { context }: SessionSnapshot,
  kernel: Kernel,
  session: string,
): KernelSpec {
  const request = known(context.request);
  const { id, role, index, localRank, hostname, image, slots, sharedMemoryBytes } = kernel.request;
  const { batchTimeoutMs, isFragmentable } = request;
  return {
    kernel: id,
    session,
    sessionName: request.name,
    sessionType: request.sessionType,
    image,
    // The program of a batch session runs in its main kernel; the others are there for it to use.
    command: role === 'main' ? request.command : null,
    environ: {
      ...request.environ,
      BACKENDAI_USER_UUID: request.owner.userId,
      BACKENDAI_USER_EMAIL: request.owner.email,
      BACKENDAI_USER_NAME: request.owner.userName ?? request.owner.email,
      BACKENDAI_ACCESS_KEY: request.owner.accessKey ?? '',
      BACKENDAI_SESSION_ID: session,
      BACKENDAI_SESSION_NAME: request.name,
      BACKENDAI_CLUSTER_SIZE: String(request.kernels.length),
      BACKENDAI_CLUSTER_REPLICAS: replicas(request),
      BACKENDAI_CLUSTER_HOSTS: request.kernels.map((one) => one.hostname).join(','),
      BACKENDAI_KERNEL_ID: id,
      BACKENDAI_KERNEL_IMAGE: image,
      BACKENDAI_CLUSTER_ROLE: role,
      BACKENDAI_CLUSTER_IDX: String(index),
      BACKENDAI_CLUSTER_LOCAL_RANK: String(localRank),
      BACKENDAI_CLUSTER_HOST: hostname,
      BACKENDAI_PREOPEN_PORTS: (request.preopenPorts ?? []).join(','),
    },
    slots,
    hostname,
    role,
    ownerUserId: request.owner.userId,
    ownerProjectId: request.owner.projectId,
    ...(batchTimeoutMs === undefined || role !== 'main' ? {} : { batchTimeoutMs }),
    ...(sharedMemoryBytes === undefined ? {} : { sharedMemoryBytes }),
    ...(isFragmentable === undefined ? {} : { isFragmentable }),
    ...inCluster(context, session),
  };
}

/** Nothing for a kernel that is alone. */
function inCluster(
  { network, attempt, request, kernels }: SessionContext,
  session: string,
): Pick<KernelSpec, 'network' | 'peers'> {
  if (request === undefined || network === undefined || network.driver === 'impossible') return {};
  const { driver } = network;
  const name = networkName(session, { attempt, clusterMode: request.clusterMode });
  return {
    network: driver === 'host' ? { driver } : { driver, name },
    peers: request.kernels.map(({ id, hostname }) => ({
      hostname,
      ...kernels[id]?.context.endpoint,
    })),
  };
}

function replicas(request: SessionRequest): string {
  const roles = [...new Set(request.kernels.map(({ role }) => role))];
  return roles
    .map((role) => `${role}:${request.kernels.filter((kernel) => kernel.role === role).length}`)
    .join(',');
}
