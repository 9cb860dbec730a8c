import { type KernelSpec, SERVICE_PORTS_LABEL } from '@orrery/bus';
import type { ContainerCreateOptions } from 'dockerode';
import type { DeviceGrant, KernelDevices } from '../compute/kernel-devices.ts';
import type { StartOrigin } from '../container-driver.ts';
import { environLines, kernelCommand } from '../kernel-environ.ts';
import type { Mount } from '../resource-text.ts';
import type { ScratchPaths } from '../scratch.ts';

/** Whose containers these are: a node's name is unique in one installation only. */
export interface Ownership {
  readonly node: string;
  readonly installation: string;
}

export const labels = {
  node: 'orrery.node',
  installation: 'orrery.installation',
  kernel: 'orrery.kernel',
  session: 'orrery.session',
  wishRevision: 'orrery.wish-revision',
  traceparent: 'orrery.traceparent',
  batchTimeoutMs: 'orrery.batch-timeout-ms',
  devices: 'orrery.devices',
} as const;

/** A limit of the kernel's own on each process; -1 is none. */
export interface Ulimit {
  readonly Name: 'nofile' | 'memlock';
  readonly Soft: number;
  readonly Hard: number;
}

/** What the engine can do, as far as it changes how a container is made. */
export interface EngineTraits {
  readonly cores: number;
  /** Whether a container can be kept to some of the cores. */
  readonly hasCpusets: boolean;
  /** `uid:gid` for the container, when files made by its root could not be removed by this agent. */
  readonly user: string | undefined;
  /** Of the machine, for every container: its time zone, its processors as one container sees them. */
  readonly hostMounts?: readonly Mount[] | undefined;
  readonly hostDevices?: readonly string[] | undefined;
  /** Limits of a program that differ from the engine's own; none where they cannot be set. */
  readonly ulimits: readonly Ulimit[];
}

/** Where a container finds its scratch space. */
export const insideContainer = {
  home: '/home/work',
  config: '/home/config',
  runner: '/opt/orrery/runner',
} as const;

/** To lock memory for devices and to set priorities, as programs of Backend.AI's images may. */
const CAPABILITIES = ['IPC_LOCK', 'SYS_NICE'];
const STOP_SIGNAL = 'SIGTERM';
const NANO = 1_000_000_000;
const CORES_MIN = 0.01;
const PROCESSES_MAX = 16_384;
/** The engine keeps this much of a container's log: files times size. */
const LOG_FILES_MAX = 5;
const LOG_FILE_SIZE_MAX = '10m';

/** `kernel.<last part of the image's name>.<kernel>`. */
export function containerName(spec: Pick<KernelSpec, 'image' | 'kernel'>): string {
  const repository = spec.image.replace(/@.*$/, '').split('/').at(-1) ?? 'image';
  const name = repository.split(':')[0] ?? 'image';
  return `kernel.${name.replace(/[^A-Za-z0-9_.-]/g, '-')}.${spec.kernel}`;
}

export function containerOptions(made: {
  readonly spec: KernelSpec;
  readonly origin: StartOrigin;
  readonly owner: Ownership;
  readonly traits: EngineTraits;
  readonly environ: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** `uid:gid` of its program; undefined: that of its image. */
  readonly user?: string | undefined;
}): ContainerCreateOptions {
  const { spec, origin, owner, traits, environ, mounts, user } = made;
  return {
    name: containerName(spec),
    Image: spec.image,
    Hostname: spec.hostname,
    ...networking(spec),
    WorkingDir: insideContainer.home,
    // The init in the container passes signals on to the program's whole process group.
    Env: environLines({ ...environ, TINI_KILL_PROCESS_GROUP: '1' }),
    Entrypoint: [],
    Cmd: [...kernelCommand(spec)],
    Labels: {
      ...containerLabels(spec, origin, owner),
      [SERVICE_PORTS_LABEL]: environ['BACKENDAI_SERVICE_PORTS'] ?? '',
    },
    Tty: false,
    OpenStdin: false,
    StopSignal: STOP_SIGNAL,
    ...(user === undefined ? {} : { User: user }),
    HostConfig: {
      Init: true,
      Privileged: false,
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges:true'],
      RestartPolicy: { Name: 'no' },
      ...limits(spec, traits),
      ...deviceOptions(origin.grant, traits),
      ...networkMode(spec),
      LogConfig: {
        Type: 'local',
        Config: {
          'max-size': LOG_FILE_SIZE_MAX,
          'max-file': String(LOG_FILES_MAX),
          compress: 'false',
        },
      },
      Mounts: mounts.map(({ source, target, mode }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: mode === 'ro',
      })),
    },
  };
}

export interface MountSources {
  readonly grant?: DeviceGrant | undefined;
  readonly hostMounts?: readonly Mount[] | undefined;
}

/** Everything that is mounted into a container. */
export function containerMounts(
  scratch: ScratchPaths,
  runner: string,
  { grant, hostMounts = [] }: MountSources,
): readonly Mount[] {
  return [
    { source: scratch.config, target: insideContainer.config, mode: 'ro' },
    { source: scratch.work, target: insideContainer.home, mode: 'rw' },
    { source: runner, target: insideContainer.runner, mode: 'ro' },
    ...hostMounts,
    ...(grant?.fragment.mounts ?? []).map((mount) => ({ ...mount, mode: 'rw' as const })),
  ];
}

/** The cores that it keeps to, besides its share of time, and the devices that it sees. */
function deviceOptions(
  grant: DeviceGrant | undefined,
  traits: EngineTraits,
): ContainerCreateOptions['HostConfig'] {
  const {
    cpuset,
    deviceRequests = [],
    devicePaths: given = [],
    groups = [],
    ipcMode,
  } = grant?.fragment ?? {};
  const devicePaths = [...given, ...(traits.hostDevices ?? [])];
  return {
    ...(cpuset === undefined || !traits.hasCpusets ? {} : { CpusetCpus: cpuset }),
    ...(deviceRequests.length === 0
      ? {}
      : {
          DeviceRequests: deviceRequests.map(({ driver, deviceIds, capabilities }) => ({
            Driver: driver,
            DeviceIDs: [...deviceIds],
            Capabilities: [[...capabilities]],
          })),
        }),
    ...(devicePaths.length === 0
      ? {}
      : {
          Devices: devicePaths.map((path) => ({
            PathOnHost: path,
            PathInContainer: path,
            CgroupPermissions: 'rwm',
          })),
        }),
    ...(groups.length === 0 ? {} : { GroupAdd: [...groups] }),
    ...(ipcMode === undefined ? {} : { IpcMode: ipcMode }),
  };
}

/** The other kernels of its session know it by its hostname there. */
function networking({
  network,
  hostname,
}: KernelSpec): Pick<ContainerCreateOptions, 'NetworkingConfig'> {
  if (network === undefined || network.driver === 'host') return {};
  return { NetworkingConfig: { EndpointsConfig: { [network.name]: { Aliases: [hostname] } } } };
}

/** In the machines' own network nobody resolves the names, so they are written down. */
function networkMode({ network, peers = [] }: KernelSpec): ContainerCreateOptions['HostConfig'] {
  if (network === undefined) return {};
  if (network.driver !== 'host') return { NetworkMode: network.name };
  const ExtraHosts = peers.flatMap(({ hostname, address }) =>
    address === undefined ? [] : [`${hostname}:${address}`],
  );
  return { NetworkMode: 'host', ExtraHosts };
}

function containerLabels(
  spec: KernelSpec,
  origin: StartOrigin,
  owner: Ownership,
): Record<string, string> {
  return {
    'ai.backend.agent-id': owner.node,
    'ai.backend.owner': owner.node,
    'ai.backend.kernel-id': spec.kernel,
    'ai.backend.session-id': spec.session,
    'ai.backend.owner-user-id': spec.ownerUserId,
    'ai.backend.owner-project-id': spec.ownerProjectId,
    'ai.backend.internal.block-service-ports': '0',
    [labels.node]: owner.node,
    [labels.installation]: owner.installation,
    [labels.kernel]: spec.kernel,
    [labels.session]: spec.session,
    [labels.wishRevision]: String(origin.wishRevision),
    ...(origin.traceparent === undefined ? {} : { [labels.traceparent]: origin.traceparent }),
    ...(spec.batchTimeoutMs === undefined
      ? {}
      : { [labels.batchTimeoutMs]: String(spec.batchTimeoutMs) }),
    ...(origin.grant === undefined ? {} : { [labels.devices]: devicesLabel(origin.grant) }),
  };
}

/** For the next agent, which finds nothing else of what was given. */
function devicesLabel({ allocations, held }: DeviceGrant): string {
  const written: KernelDevices = { allocations, held };
  return JSON.stringify(written);
}

/** Memory without swap, so that what is asked for is what there is; cores as a share of time. */
function limits(spec: KernelSpec, traits: EngineTraits): ContainerCreateOptions['HostConfig'] {
  const { cpu, mem } = spec.slots;
  const cores = Math.min(Math.max(Number(cpu ?? '0'), CORES_MIN), traits.cores);
  const memoryBytes = Math.floor(Number(mem ?? '0'));
  return {
    PidsLimit: PROCESSES_MAX,
    ...(spec.sharedMemoryBytes === undefined ? {} : { ShmSize: spec.sharedMemoryBytes }),
    ...(cpu === undefined ? {} : { NanoCpus: Math.round(cores * NANO) }),
    ...(mem === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
    Ulimits: [...traits.ulimits],
  };
}
