import { parseArgs } from 'node:util';
import { connectBus, createLogger, readSettings, systemClock } from '@orrery/bus';
import { startHost } from '../runtime/host.ts';
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
  await using bus = await connectBus(settings.bus, { name: 'control', logger });
  const host = startHost({ bus, clock: systemClock, logger, aggregates }, stop.signal);
  const watching = watchNodes({ bus, clock: systemClock, logger }, stop.signal);
  process.stdout.write('ready\n');
  await Promise.all([host.done, watching]);
  logger.info(host.counts, 'control ends');
}

await main();
