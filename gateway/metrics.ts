import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { LogFeed } from './feed/log-feed.ts';
import type { Progress } from './feed/progress.ts';
import type { LiveStatistics } from './statistics/live-statistics.ts';
import { registerStatistics } from './statistics/statistics-metrics.ts';

const DURATION_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** What is counted, in a registry of its own. */
export interface Metrics {
  readonly registry: Registry;
  readonly httpSeconds: Histogram<'method' | 'route' | 'status'>;
  readonly operationSeconds: Histogram<'operation' | 'outcome'>;
  readonly subscriptions: Gauge<'operation'>;
  readonly subscriptionItems: Counter<'operation'>;
  readonly refusals: Counter<'operation' | 'code'>;
}

export function createMetrics({
  feed,
  progress,
  statistics,
}: {
  readonly feed: LogFeed;
  readonly progress: Progress;
  readonly statistics: LiveStatistics;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: 'orrery_gateway_' });
  registerStatistics(registry, statistics);
  const sequence: Gauge = new Gauge({
    name: 'orrery_gateway_log_sequence',
    help: 'Sequence of the newest commit that this gateway has seen.',
    registers,
    collect: () => sequence.set(feed.sequence),
  });
  const lag: Gauge = new Gauge({
    name: 'orrery_gateway_projected_lag_commits',
    help: 'Commits of the log that the projections do not hold yet, as far as this gateway knows.',
    registers,
    collect: () => lag.set(Math.max(0, feed.sequence - progress.sequence)),
  });
  return {
    registry,
    httpSeconds: new Histogram({
      name: 'orrery_gateway_http_request_seconds',
      help: 'Duration of HTTP requests by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_SECONDS,
      registers,
    }),
    operationSeconds: new Histogram({
      name: 'orrery_gateway_operation_seconds',
      help: 'Duration of GraphQL operations; outcome is ok, refused or the code of the failure.',
      labelNames: ['operation', 'outcome'],
      buckets: DURATION_SECONDS,
      registers,
    }),
    subscriptions: new Gauge({
      name: 'orrery_gateway_subscriptions',
      help: 'Subscriptions that are open.',
      labelNames: ['operation'],
      registers,
    }),
    subscriptionItems: new Counter({
      name: 'orrery_gateway_subscription_items_total',
      help: 'Items that subscriptions were given.',
      labelNames: ['operation'],
      registers,
    }),
    refusals: new Counter({
      name: 'orrery_gateway_refusals_total',
      help: 'Expected refusals by their code.',
      labelNames: ['operation', 'code'],
      registers,
    }),
  };
}
