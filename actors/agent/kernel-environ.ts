import type { KernelSpec } from '@orrery/bus';

/** Keeps a container alive that is there to be worked in, and ends it at once when asked. */
const KEEP_ALIVE = 'trap "exit 0" TERM INT; while :; do sleep 3600 & wait $!; done';

/** The program of a kernel: that of the user, or one that only waits to be worked beside. */
export function kernelCommand(spec: KernelSpec): readonly string[] {
  return spec.command ?? ['sh', '-c', KEEP_ALIVE];
}

/** As the program sees them. */
export interface Directories {
  readonly home: string;
  readonly config: string;
}

/** The session's environment, over which nobody can set what only this node knows for sure. */
export function kernelEnviron(
  spec: KernelSpec,
  directories: Directories,
): Readonly<Record<string, string>> {
  return {
    LANG: 'C.UTF-8',
    ...spec.environ,
    HOME: directories.home,
    BACKENDAI_USER_UUID: spec.ownerUserId,
    BACKENDAI_SESSION_ID: spec.session,
    BACKENDAI_SESSION_NAME: spec.sessionName,
    BACKENDAI_KERNEL_ID: spec.kernel,
    BACKENDAI_KERNEL_IMAGE: spec.image,
    BACKENDAI_CLUSTER_ROLE: spec.role,
    BACKENDAI_CLUSTER_HOST: spec.hostname,
    ORRERY_CONFIG_DIRECTORY: directories.config,
    ...(spec.sessionType === 'batch' ? { _BACKEND_BATCH_MODE: '1' } : {}),
  };
}

/** `NAME=value`, the form in which programs and engines take an environment. */
export function environLines(environ: Readonly<Record<string, string>>): string[] {
  return Object.entries(environ).map(([name, value]) => `${name}=${value}`);
}
