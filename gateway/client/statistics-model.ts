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

/** A part of the past, in steps. */
export interface HistoryRequest {
  readonly id: string;
  readonly since: DateTime;
  /** Absent: until now. */
  readonly until?: DateTime | undefined;
  readonly stepSeconds: number;
  /** Names of metrics; absent: all. */
  readonly keys?: readonly string[] | undefined;
}

/** One metric of one kernel or agent; steps in which nothing was measured are left out. */
export interface StatisticsSeries {
  /** Of the kernel or the agent. */
  readonly id: string;
  readonly key: string;
  readonly points: readonly {
    readonly at: DateTime;
    readonly mean: number;
    readonly peak: number;
    readonly capacity: number | null;
  }[];
}
