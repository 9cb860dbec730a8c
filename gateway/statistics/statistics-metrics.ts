import { Gauge, type Registry } from 'prom-client';
import type { LiveStatistics } from './live-statistics.ts';

/**
 * What all agents measured last, under the names that dashboards of Backend.AI know: the current value and the
 * capacity of each metric, by kernel and by device. What is not told any more is not shown.
 */
export function registerStatistics(
  registry: Registry,
  statistics: Pick<LiveStatistics, 'kernels' | 'nodes'>,
): void {
  const registers = [registry];
  const container = new Gauge({
    name: 'backendai_container_utilization',
    help: 'What a running kernel uses, as its agent measured it last.',
    labelNames: ['container_metric_name', 'agent_id', 'kernel_id', 'value_type'],
    registers,
    collect: () => {
      container.reset();
      for (const { kernel, node, metrics } of statistics.kernels())
        for (const [name, metric] of Object.entries(metrics))
          for (const [value_type, value] of valuesOf(metric))
            container.set(
              { container_metric_name: name, agent_id: node, kernel_id: kernel, value_type },
              value,
            );
    },
  });
  const device = new Gauge({
    name: 'backendai_device_utilization',
    help: 'What an agent uses of itself: the whole (no device_id) and each of its devices.',
    labelNames: ['device_metric_name', 'agent_id', 'device_id', 'value_type'],
    registers,
    collect: () => {
      device.reset();
      for (const { node, metrics, devices } of statistics.nodes()) {
        const all = [
          ...Object.entries(metrics).map(([name, metric]) => ({ name, id: '', metric })),
        ];
        for (const [name, byDevice] of Object.entries(devices))
          for (const [id, metric] of Object.entries(byDevice)) all.push({ name, id, metric });
        for (const { name, id, metric } of all)
          for (const [value_type, value] of valuesOf(metric))
            device.set(
              { device_metric_name: name, agent_id: node, device_id: id, value_type },
              value,
            );
      }
    },
  });
}

function valuesOf({
  current,
  capacity,
}: {
  readonly current: string;
  readonly capacity: string | null;
}): readonly (readonly ['current' | 'capacity', number])[] {
  const values: (readonly ['current' | 'capacity', number])[] = [['current', Number(current)]];
  if (capacity !== null) values.push(['capacity', Number(capacity)]);
  return values.filter(([, value]) => Number.isFinite(value));
}
