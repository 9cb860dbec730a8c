import type { Measured } from '../statistics/metric-book.ts';
import type { MetricKind } from '../statistics/metric-series.ts';
import type { ComputeDevice, ComputePlugin, DeviceUse } from './compute-plugin.ts';

const FULL_PERCENT = 100;

/** Units and derived values of what accelerators are measured by, whatever their sort. */
const KINDS: Readonly<Record<string, MetricKind>> = {
  mem: { unit: 'bytes', current: 'latest', keeps: ['max'] },
  util: { unit: 'percent', current: 'latest', keeps: ['avg', 'max'] },
  power: { unit: 'Watts', current: 'latest', keeps: ['avg', 'max'] },
  temperature: { unit: 'Celsius', current: 'latest', keeps: ['max'] },
};

export type DeviceMetrics = Readonly<Record<string, Measured>>;

/** What the accelerators of a node do now: by key for all of it, by key and device, and by kernel and key. */
export interface AcceleratorUsage {
  readonly metrics: DeviceMetrics;
  readonly devices: Readonly<Record<string, DeviceMetrics>>;
  readonly kernels: ReadonlyMap<string, DeviceMetrics>;
}

/** Kind of the metric `cuda_mem`; undefined: of no accelerator. */
export function acceleratorKind(key: string): MetricKind | undefined {
  return KINDS[key.slice(key.lastIndexOf('_') + 1)];
}

interface Used {
  readonly plugin: Pick<ComputePlugin, 'key'>;
  readonly device: ComputeDevice;
  readonly use: DeviceUse;
}

/** `heldBy`: kernels and the devices that each holds something of; of a whole device it is told what that does. */
export function acceleratorUsage(
  used: readonly Used[],
  heldBy: ReadonlyMap<string, ReadonlySet<string>>,
): AcceleratorUsage {
  const devices: Record<string, Record<string, Measured>> = {};
  for (const one of used)
    for (const [key, measured] of Object.entries(metricsOf([one]))) {
      devices[key] ??= {};
      devices[key][one.device.id] = measured;
    }
  const kernels = new Map<string, DeviceMetrics>();
  for (const [kernel, ids] of heldBy) {
    const metrics = metricsOf(used.filter(({ device }) => ids.has(device.id)));
    if (Object.keys(metrics).length > 0) kernels.set(kernel, metrics);
  }
  return { metrics: metricsOf(used), devices, kernels };
}

/** Sums over devices, each with what there is of it; of temperatures the mean. */
function metricsOf(used: readonly Used[]): Record<string, Measured> {
  const metrics: Record<string, Measured> = {};
  for (const [key, of] of Map.groupBy(used, ({ plugin }) => plugin.key)) {
    const add = (name: string, parts: readonly Measured[]): void => {
      const [first] = parts;
      if (first === undefined) return;
      const total = parts.reduce((sum, { value }) => sum + value, 0);
      const capacities = parts.map(({ capacity }) => capacity);
      const capacity = capacities.includes(undefined)
        ? undefined
        : capacities.reduce<number>((sum, each) => sum + (each ?? 0), 0);
      metrics[`${key}_${name}`] =
        name === 'temperature' ? { value: total / parts.length } : { value: total, capacity };
    };
    const told = (read: (one: Used) => Measured | undefined): readonly Measured[] =>
      of.map(read).filter((each) => each !== undefined);
    add(
      'mem',
      told(({ use, device }) => measured(use.memoryUsedBytes, device.memoryBytes)),
    );
    add(
      'util',
      told(({ use }) => measured(use.busyPercent, FULL_PERCENT)),
    );
    add(
      'power',
      told(({ use }) => measured(use.powerWatts, use.powerLimitWatts)),
    );
    add(
      'temperature',
      told(({ use }) => measured(use.temperatureCelsius, undefined)),
    );
  }
  return metrics;
}

function measured(value: number | undefined, capacity: number | undefined): Measured | undefined {
  return value === undefined ? undefined : { value, capacity };
}
