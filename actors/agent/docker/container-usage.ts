import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { KernelUsage } from '../container-driver.ts';
import { type Cgroup, locateCgroup, readCgroup, readCpuMs } from '../statistics/cgroup.ts';
import { LastReading } from '../statistics/last-reading.ts';
import { readNetwork } from '../statistics/network-counters.ts';
import { callEngine, unlessMissing } from './engine.ts';

const ENGINE_CALLS_AT_ONCE_MAX = 16;
const NANOSECONDS_PER_MS = 1_000_000;

const Running = z.object({ State: z.object({ Running: z.boolean(), Pid: z.int() }) });

const Transfer = z.object({ op: z.string(), value: z.number() });
/** The engine's own reading, in the shape of either version of control groups. */
const EngineReading = z.object({
  cpu_stats: z.object({ cpu_usage: z.object({ total_usage: z.number() }) }),
  memory_stats: z.object({
    usage: z.number().optional(),
    limit: z.number().optional(),
    stats: z
      .object({ total_inactive_file: z.number(), inactive_file: z.number() })
      .partial()
      .optional(),
  }),
  blkio_stats: z.object({ io_service_bytes_recursive: z.array(Transfer).nullish() }).optional(),
  networks: z
    .record(z.string(), z.object({ rx_bytes: z.number(), tx_bytes: z.number() }))
    .optional(),
});

/** Where a container's counters are: files of this machine, or the engine if those cannot be seen from here. */
type Source =
  | {
      readonly kind: 'files';
      readonly cgroup: Cgroup;
      readonly pid: number;
      readonly last: LastReading<KernelUsage>;
    }
  | { readonly kind: 'engine' };

/** Reads what containers have used: from their control groups, a few small files each, without the engine. */
export class ContainerUsages {
  readonly #docker: Docker;
  /** By container. */
  readonly #sources = new Map<string, Source>();
  /** Containers that were looked at for other reasons, by their first process: the engine need not be asked again. */
  readonly #pids = new Map<string, number>();

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /** That a container runs, and by which process; 0: it does not. */
  met(id: string, pid: number): void {
    if (pid === 0) this.#pids.delete(id);
    else if (!this.#sources.has(id)) this.#pids.set(id, pid);
  }

  /** By kernel, given the container of each. */
  async read(
    containers: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, KernelUsage>> {
    const wanted = new Set(containers.values());
    for (const known of [this.#sources, this.#pids])
      for (const id of known.keys()) if (!wanted.has(id)) known.delete(id);
    const usages = new Map<string, KernelUsage>();
    const left = [...containers];
    const readSome = async (): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [kernel, id] = next;
        const usage = await this.#readOne(id, signal);
        if (usage !== undefined) usages.set(kernel, usage);
      }
    };
    await Promise.all(Array.from({ length: ENGINE_CALLS_AT_ONCE_MAX }, readSome));
    return usages;
  }

  async #readOne(id: string, signal: AbortSignal): Promise<KernelUsage | undefined> {
    const source = this.#sources.get(id) ?? (await this.#locate(id, signal));
    if (source === undefined) return undefined;
    this.#sources.set(id, source);
    if (source.kind === 'engine') return this.#askEngine(id, signal);
    const { cgroup, last } = source;
    const unchanged = last.repeat(readCpuMs(cgroup));
    if (unchanged !== undefined) return unchanged;
    const usage = readCgroup(cgroup);
    if (usage === undefined) {
      // It has ended; should it run again, its process is another.
      this.#sources.delete(id);
      return undefined;
    }
    return last.keep({ ...usage, ...readNetwork(source.pid) });
  }

  /** Undefined when it does not run. */
  async #locate(id: string, signal: AbortSignal): Promise<Source | undefined> {
    const pid = this.#pids.get(id);
    this.#pids.delete(id);
    const known = pid === undefined ? undefined : findFiles(pid, id);
    if (known !== undefined) return known;
    const told = await unlessMissing(
      callEngine('looking at a container', signal, (limited) =>
        this.#docker.getContainer(id).inspect({ abortSignal: limited }),
      ),
    );
    const { State } = Running.parse(told ?? { State: { Running: false, Pid: 0 } });
    if (!State.Running) return undefined;
    return findFiles(State.Pid, id) ?? { kind: 'engine' };
  }

  async #askEngine(id: string, signal: AbortSignal): Promise<KernelUsage | undefined> {
    const told = await unlessMissing(
      callEngine('reading the usage of a container', signal, (limited) => {
        // The types of the engine's client lack the signal, which it takes here as everywhere.
        const once = { stream: false, 'one-shot': true, abortSignal: limited } as const;
        return this.#docker.getContainer(id).stats(once);
      }),
    );
    const reading = EngineReading.safeParse(told);
    return reading.success ? usageOf(reading.data) : undefined;
  }
}

function findFiles(pid: number, containerId: string): Source | undefined {
  const cgroup = findCgroup(pid, containerId);
  return cgroup && { kind: 'files', cgroup, pid, last: new LastReading() };
}

/** Undefined where the engine's process numbers are not ours, as they are not with an engine elsewhere. */
function findCgroup(pid: number, containerId: string): Cgroup | undefined {
  try {
    const group = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
    if (!group.includes(containerId)) return undefined;
    const cgroup = locateCgroup(readFileSync('/proc/self/mountinfo', 'utf8'), group);
    return cgroup === undefined || readCgroup(cgroup) === undefined ? undefined : cgroup;
  } catch {
    return undefined;
  }
}

function usageOf(reading: z.infer<typeof EngineReading>): KernelUsage {
  const { memory_stats: memory, blkio_stats: transfers, networks = {} } = reading;
  const inactive = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  const interfaces = Object.values(networks);
  const moved = (op: string): number =>
    (transfers?.io_service_bytes_recursive ?? [])
      .filter((each) => each.op.toLowerCase() === op)
      .reduce((sum, { value }) => sum + value, 0);
  return {
    cpuMs: reading.cpu_stats.cpu_usage.total_usage / NANOSECONDS_PER_MS,
    memoryBytes: Math.max(0, (memory.usage ?? 0) - inactive),
    memoryLimitBytes: memory.limit,
    readBytes: moved('read'),
    writtenBytes: moved('write'),
    receivedBytes: interfaces.reduce((sum, { rx_bytes: bytes }) => sum + bytes, 0),
    sentBytes: interfaces.reduce((sum, { tx_bytes: bytes }) => sum + bytes, 0),
  };
}
