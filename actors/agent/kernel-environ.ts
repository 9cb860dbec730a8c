import { type KernelSpec, RUNTIME_PATH_LABEL, SERVICE_PORTS_LABEL } from '@orrery/bus';
import type { DeviceGrant } from './compute/kernel-devices.ts';

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

/** What else this node knows of a kernel's surroundings. */
export interface Surroundings {
  readonly grant?: DeviceGrant | undefined;
  readonly imageLabels?: Readonly<Record<string, string>> | undefined;
  /** Where the image's programs are looked for. */
  readonly imagePath?: string | undefined;
  /** `uid:gid` of the program, where it is not the image's own. */
  readonly user?: string | undefined;
  /** What follows from the network that it is in. */
  readonly network?: Readonly<Record<string, string>> | undefined;
}

const CORE_COUNT_NAMES = 'ai.backend.envs.corecount';

/** The session's environment, over which nobody can set what only this node knows for sure. */
export function kernelEnviron(
  spec: KernelSpec,
  directories: Directories,
  { grant, imageLabels = {}, imagePath, user, network }: Surroundings = {},
): Readonly<Record<string, string>> {
  const [uid, gid = uid] = user?.split(':') ?? [];
  const groups = grant?.fragment.groups ?? [];
  return {
    LANG: 'C.UTF-8',
    // What is installed by a user for himself goes before what the image has.
    ...(imagePath === undefined ? {} : { PATH: `${directories.home}/.local/bin:${imagePath}` }),
    ...coreCounts(imageLabels[CORE_COUNT_NAMES], spec, grant),
    ...spec.environ,
    HOME: directories.home,
    BACKENDAI_USER_UUID: spec.ownerUserId,
    BACKENDAI_SESSION_ID: spec.session,
    BACKENDAI_SESSION_NAME: spec.sessionName,
    BACKENDAI_KERNEL_ID: spec.kernel,
    BACKENDAI_KERNEL_IMAGE: spec.image,
    BACKENDAI_CLUSTER_ROLE: spec.role,
    BACKENDAI_CLUSTER_HOST: spec.hostname,
    BACKENDAI_SERVICE_PORTS: imageLabels[SERVICE_PORTS_LABEL] ?? '',
    // Nothing outlives a kernel but what lies in mounted folders, and it has none.
    BACKENDAI_PERSISTENT_PATHS: '',
    ORRERY_RUNTIME_PATH: imageLabels[RUNTIME_PATH_LABEL] ?? '',
    ORRERY_CONFIG_DIRECTORY: directories.config,
    ...(uid === undefined || gid === undefined ? {} : { LOCAL_USER_ID: uid, LOCAL_GROUP_ID: gid }),
    ...(groups.length === 0 ? {} : { ADDITIONAL_GIDS: groups.join(',') }),
    ...(spec.sessionType === 'batch' ? { _BACKEND_BATCH_MODE: '1' } : {}),
    ...network,
    ...grant?.fragment.environ,
  };
}

/** The variables by which an image's programs learn how many threads to run; a part of a core counts as one. */
function coreCounts(
  names: string | undefined,
  { slots }: KernelSpec,
  grant: DeviceGrant | undefined,
): Readonly<Record<string, string>> {
  if (names === undefined || slots['cpu'] === undefined) return {};
  const pinned = Object.keys(grant?.allocations['cpu'] ?? {}).length;
  const count = Math.max(1, pinned === 0 ? Math.ceil(Number(slots['cpu'])) : pinned);
  const wanted = names.split(',').map((name) => name.trim());
  return Object.fromEntries(wanted.filter((name) => name !== '').map((name) => [name, `${count}`]));
}

/** `NAME=value`, the form in which programs and engines take an environment. */
export function environLines(environ: Readonly<Record<string, string>>): string[] {
  return Object.entries(environ).map(([name, value]) => `${name}=${value}`);
}
