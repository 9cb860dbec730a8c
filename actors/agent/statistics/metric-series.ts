import type { Metric } from '@orrery/bus';

type Kept = 'min' | 'max' | 'sum' | 'avg' | 'diff' | 'rate';

/** How the current value of a metric follows from what is measured. */
export interface MetricKind {
  readonly unit: Metric['unit_hint'];
  /** `latest`: as measured; `rate`: growth a second; `growth`: since the last measurement. */
  readonly current: 'latest' | 'rate' | 'growth';
  readonly keeps: readonly Kept[];
}

export interface Measurement {
  readonly value: number;
  readonly capacity?: number | undefined;
  /** By a clock that goes steadily. Milliseconds. */
  readonly atMs: number;
}

/**
 * One metric over its life. A counter that was set back counts as having stood still. The statistics are of
 * the current values, `diff` and `rate` of the measured ones; growth is known from the second measurement on.
 */
export class MetricSeries {
  readonly #kind: MetricKind;
  #last: Measurement | undefined;
  #capacity: number | undefined;
  #current = 0;
  #growth = 0;
  #ratePerSecond = 0;
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  constructor(kind: MetricKind) {
    this.#kind = kind;
  }

  add(measured: Measurement): void {
    const last = this.#last;
    if (last !== undefined && measured.atMs <= last.atMs) return;
    this.#last = measured;
    // What has no capacity of its own is held against what was measured first.
    this.#capacity = measured.capacity ?? this.#capacity ?? measured.value;
    const seconds = last === undefined ? 0 : (measured.atMs - last.atMs) / 1000;
    this.#growth = last === undefined ? 0 : Math.max(0, measured.value - last.value);
    this.#ratePerSecond = seconds === 0 ? 0 : this.#growth / seconds;
    this.#current = this.#currentOf(measured.value);
    if (last !== undefined || this.#kind.current === 'latest') this.#take();
  }

  /** As it is told. @throws when nothing was measured. */
  metric(): Metric {
    if (this.#last === undefined) throw new Error('nothing was measured');
    const capacity = this.#capacity ?? 0;
    const pct = capacity > 0 ? (this.#current / capacity) * 100 : 0;
    const kept = Object.fromEntries(
      this.#kind.keeps.map((name) => [`stats.${name}`, decimal(this.#statistic(name))]),
    );
    return {
      current: decimal(this.#current),
      capacity: this.#capacity === undefined ? null : decimal(this.#capacity),
      pct: pct.toFixed(2),
      unit_hint: this.#kind.unit,
      ...kept,
    };
  }

  #currentOf(value: number): number {
    switch (this.#kind.current) {
      case 'latest':
        return value;
      case 'rate':
        return this.#ratePerSecond;
      case 'growth':
        return this.#growth;
    }
  }

  #take(): void {
    this.#count += 1;
    this.#sum += this.#current;
    this.#min = Math.min(this.#min, this.#current);
    this.#max = Math.max(this.#max, this.#current);
  }

  #statistic(name: Kept): number {
    const isEmpty = this.#count === 0;
    switch (name) {
      case 'diff':
        return this.#growth;
      case 'rate':
        return this.#ratePerSecond;
      case 'min':
        return isEmpty ? 0 : this.#min;
      case 'max':
        return isEmpty ? 0 : this.#max;
      case 'sum':
        return this.#sum;
      case 'avg':
        return isEmpty ? 0 : this.#sum / this.#count;
    }
  }
}

/** At most three decimals, no trailing zeros, never an exponent. */
function decimal(value: number): string {
  const text = value.toFixed(3);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
