import type { Metrics, StatisticsMessage } from '@orrery/bus';

/** Metrics gathered at once, of all kernels and nodes together; what is above is passed over. */
const GATHERED_MAX = 500_000;

/** What was measured of one metric of one subject in some seconds. */
export interface Sample {
  /** `kernel:<id>` or `node:<name>`. */
  readonly subject: string;
  readonly key: string;
  readonly mean: number;
  readonly peak: number;
  readonly capacity: number | null;
  readonly measurements: number;
}

export const subjectOf = {
  kernel: (id: string) => `kernel:${id}`,
  node: (name: string) => `node:${name}`,
};

interface Sum {
  readonly subject: string;
  readonly key: string;
  total: number;
  peak: number;
  capacity: number | null;
  measurements: number;
}

/** Gathers measurements as they are told, until they are taken away to be stored. */
export class Gathered {
  #sums = new Map<string, Sum>();

  take(message: StatisticsMessage): void {
    if (message.of === 'node') {
      this.#add(subjectOf.node(message.node), message.metrics);
      return;
    }
    for (const [kernel, metrics] of Object.entries(message.kernels))
      this.#add(subjectOf.kernel(kernel), metrics);
  }

  /** All since the last time. */
  drain(): readonly Sample[] {
    const sums = [...this.#sums.values()];
    this.#sums = new Map();
    return sums.map(({ total, ...sum }) => ({ ...sum, mean: total / sum.measurements }));
  }

  #add(subject: string, metrics: Metrics): void {
    for (const [key, { current, capacity }] of Object.entries(metrics)) {
      const value = Number(current);
      if (!Number.isFinite(value)) continue;
      const name = `${subject} ${key}`;
      const known = this.#sums.get(name);
      if (known === undefined && this.#sums.size >= GATHERED_MAX) continue;
      const sum = known ?? { subject, key, total: 0, peak: value, capacity: null, measurements: 0 };
      if (known === undefined) this.#sums.set(name, sum);
      sum.total += value;
      sum.peak = Math.max(sum.peak, value);
      sum.measurements += 1;
      sum.capacity = capacity === null ? sum.capacity : Number(capacity);
    }
  }
}
