import type { Metrics } from '@orrery/bus';
import { acceleratorKind } from '../compute/device-metrics.ts';
import { type MetricKind, MetricSeries } from './metric-series.ts';

export interface Measured {
  readonly value: number;
  readonly capacity?: number | undefined;
}

/** The metrics of one thing that is measured, by key. */
export class MetricBook {
  readonly #kinds: Readonly<Record<string, MetricKind>>;
  readonly #series = new Map<string, MetricSeries>();

  constructor(kinds: Readonly<Record<string, MetricKind>>) {
    this.#kinds = kinds;
  }

  /** Takes what was measured at one moment of a steady clock; a key without a kind is none of its own. */
  add(measured: Readonly<Record<string, Measured | undefined>>, atMs: number): void {
    for (const [key, measurement] of Object.entries(measured)) {
      const kind = this.#kinds[key] ?? acceleratorKind(key);
      if (kind === undefined || measurement === undefined) continue;
      let series = this.#series.get(key);
      if (series === undefined) {
        series = new MetricSeries(kind);
        this.#series.set(key, series);
      }
      series.add({ ...measurement, atMs });
    }
  }

  metrics(): Metrics {
    return Object.fromEntries([...this.#series].map(([key, series]) => [key, series.metric()]));
  }
}

const gauge = { unit: 'bytes', current: 'latest', keeps: ['max'] } as const;
const rate = { unit: 'bps', current: 'rate', keeps: [] } as const;
const transfer = { unit: 'bytes', current: 'latest', keeps: ['rate'] } as const;
const busyTime = { unit: 'msec', current: 'growth', keeps: [] } as const;

/** Keys of a whole node, and of the devices in it: cores, block devices. */
export const nodeKinds: Readonly<Record<string, MetricKind>> = {
  cpu_util: busyTime,
  mem: gauge,
  disk: { unit: 'bytes', current: 'latest', keeps: [] },
  net_rx: rate,
  net_tx: rate,
};

/** Keys of a kernel's container. */
export const kernelKinds: Readonly<Record<string, MetricKind>> = {
  cpu_util: { unit: 'percent', current: 'rate', keeps: ['avg', 'max'] },
  cpu_used: { unit: 'msec', current: 'latest', keeps: [] },
  mem: gauge,
  net_rx: rate,
  net_tx: rate,
  io_read: transfer,
  io_write: transfer,
};
