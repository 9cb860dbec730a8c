import type { AgentStatus, DateTime, KernelStatus } from './model.ts';

/** One measured value; numbers are decimal text, `pct` is `current` of `capacity`. */
export interface Metric {
  readonly current: string;
  readonly capacity: string | null;
  readonly pct: string;
  readonly unit_hint: string;
  readonly [statistic: `stats.${string}`]: string;
}
export type Metrics = Readonly<Record<string, Metric>>;

export interface KernelStatistics {
  readonly kernelId: string;
  readonly measuredAt: DateTime;
  readonly liveStat: Metrics;
}

export interface AgentStatistics {
  readonly node: Metrics;
  /** By key, then by device. */
  readonly devices: Readonly<Record<string, Metrics>>;
}

/** Null: nothing was measured in the last two minutes. */
export interface MeasuredKernel {
  readonly id: string;
  readonly hostname: string;
  readonly status: KernelStatus;
  readonly agentId: string | null;
  readonly liveStat: Metrics | null;
}

export interface MeasuredAgent {
  readonly id: string;
  readonly status: AgentStatus;
  readonly driver: string;
  readonly liveStat: AgentStatistics | null;
}
