import { readFileSync } from 'node:fs';
import type Docker from 'dockerode';
import { z } from 'zod';
import type { KernelUsage } from '../container-driver.ts';
import { type Cgroup, locateCgroup, readCgroup } from '../statistics/cgroup.ts';
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
  | { readonly kind: 'files'; readonly cgroup: Cgroup; readonly pid: number }
  | { readonly kind: 'engine' };

/** Reads what containers have used: from their control groups, a few small files each, without the engine. */
export class ContainerUsages {
  readonly #docker: Docker;
  /** By container. */
  readonly #sources = new Map<string, Source>();

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /** By kernel, given the container of each. */
  async read(
    containers: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, KernelUsage>> {
    const wanted = new Set(containers.values());
    for (const id of this.#sources.keys()) if (!wanted.has(id)) this.#sources.delete(id);
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
    const usage = readCgroup(source.cgroup);
    if (usage === undefined) {
      // It has ended; should it run again, its process is another.
      this.#sources.delete(id);
      return undefined;
    }
    return { ...usage, ...readNetwork(source.pid) };
  }

  /** Undefined when it does not run. */
  async #locate(id: string, signal: AbortSignal): Promise<Source | undefined> {
    const told = await unlessMissing(
      callEngine('looking at a container', signal, (limited) =>
        this.#docker.getContainer(id).inspect({ abortSignal: limited }),
      ),
    );
    const { State } = Running.parse(told ?? { State: { Running: false, Pid: 0 } });
    if (!State.Running) return undefined;
    const cgroup = findCgroup(State.Pid, id);
    return cgroup === undefined ? { kind: 'engine' } : { kind: 'files', cgroup, pid: State.Pid };
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
