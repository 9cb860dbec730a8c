import { parseArgs } from 'node:util';
import {
  connectBus,
  createLogger,
  readSettings,
  startStatusServer,
  startTelemetry,
  systemClock,
} from '@orrery/bus';
import { type Host, startHost } from '../runtime/host.ts';
import { aggregates } from './aggregates.ts';
import { watchNodes } from './liveness.ts';

/** The control process: `node actors/control/main.ts --config FILE`. Prints `ready` when it takes commands. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new Error('control needs --config FILE');
  const settings = readSettings(values.config);
  const logger = createLogger({ name: 'control', level: settings.logging.level });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
  const { tracing } = settings;
  await using _telemetry = await startTelemetry({
    service: 'control',
    tracing,
    environ: process.env,
  });
  await using bus = await connectBus(settings.bus, { name: 'control', logger });
  const host = startHost({ bus, clock: systemClock, logger, aggregates }, stop.signal);
  const watching = watchNodes({ bus, clock: systemClock, logger }, stop.signal);
  await using _status = await startStatusServer({
    port: settings.control.statusPort,
    findHindrance: () => undefined,
    metrics: () => metricsOf(host),
    logger,
  });
  process.stdout.write('ready\n');
  await Promise.all([host.done, watching]);
  logger.info(host.counts, 'control ends');
}

function metricsOf({ counts, heldAggregates }: Host): string {
  return [
    '# TYPE orrery_turns_total counter',
    `orrery_turns_total ${counts.turns}`,
    '# TYPE orrery_turn_retries_total counter',
    `orrery_turn_retries_total ${counts.retries}`,
    '# TYPE orrery_commands_set_aside_total counter',
    `orrery_commands_set_aside_total ${counts.poisoned}`,
    '# TYPE orrery_aggregates_held gauge',
    `orrery_aggregates_held ${heldAggregates()}`,
    '',
  ].join('\n');
}

await main();
