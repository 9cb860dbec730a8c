import type { KernelSpec } from '@orrery/bus';

/** Keeps a container alive that is there to be worked in, and ends it at once when asked. */
const KEEP_ALIVE = 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done';

/** The program of a kernel: that of the user, or one that only waits to be worked beside. */
export function kernelCommand(spec: KernelSpec): readonly string[] {
  return spec.command ?? ['sh', '-c', KEEP_ALIVE];
}

/** What the user set is the lowest layer: the system's own names cannot be taken. */
export function kernelEnviron(
  spec: KernelSpec,
  directories: { readonly home: string; readonly config: string },
): Readonly<Record<string, string>> {
  const cluster = spec.cluster ?? {
    size: 1,
    localRank: 0,
    replicas: `${spec.role}:1`,
    hosts: [spec.hostname],
  };
  return {
    LANG: 'C.UTF-8',
    ...spec.environ,
    HOME: directories.home,
    BACKENDAI_USER_UUID: spec.ownerUserId,
    BACKENDAI_SESSION_ID: spec.session,
    BACKENDAI_SESSION_NAME: spec.sessionName,
    BACKENDAI_KERNEL_ID: spec.kernel,
    BACKENDAI_KERNEL_IMAGE: spec.image,
    BACKENDAI_CLUSTER_SIZE: String(cluster.size),
    BACKENDAI_CLUSTER_REPLICAS: cluster.replicas,
    BACKENDAI_CLUSTER_HOSTS: cluster.hosts.join(','),
    BACKENDAI_CLUSTER_ROLE: spec.role,
    BACKENDAI_CLUSTER_IDX: /(\d+)$/.exec(spec.hostname)?.[1] ?? '1',
    BACKENDAI_CLUSTER_LOCAL_RANK: String(cluster.localRank),
    BACKENDAI_CLUSTER_HOST: spec.hostname,
    ORRERY_CONFIG_DIRECTORY: directories.config,
    ...(spec.sessionType === 'batch' ? { _BACKEND_BATCH_MODE: '1' } : {}),
  };
}

/** `NAME=value`, the form in which programs and engines take an environment. */
export function environLines(environ: Readonly<Record<string, string>>): string[] {
  return Object.entries(environ).map(([name, value]) => `${name}=${value}`);
}
