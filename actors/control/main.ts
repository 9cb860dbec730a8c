import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import {
  connectBus,
  createLogger,
  readSettings,
  runProgram,
  startStatusServer,
  startTelemetry,
  systemClock,
} from '@orrery/bus';
import { type Host, startHost } from '../runtime/host.ts';
import type { Tenure } from '../runtime/ownership.ts';
import { aggregates } from './aggregates.ts';
import { openArchive } from './archive.ts';
import { watchNodes } from './liveness.ts';
import { answerInThread, serveQuestions } from './questions.ts';
import { sweepWishes } from './sweeping.ts';

const MACHINE_CHARACTERS_MAX = 48;

/** The control process: `node actors/control/main.ts --config FILE`. Prints `ready` when it takes commands. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new Error('control needs --config FILE');
  const settings = readSettings(values.config, process.env);
  const logger = createLogger({ name: 'control', level: settings.logging.level });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
  const { tracing } = settings;
  await using _telemetry = await startTelemetry({
    service: 'control',
    tracing,
    environ: process.env,
  });
  await using connected = await connectBus(settings.bus, { name: 'control', logger });
  const clock = systemClock;
  const archive = await openArchive(
    { bus: connected, settings: settings.archive, clock, logger, aggregates },
    stop.signal,
  );
  const { bus, mayBeArchived } = archive;
  const { host: name = ownName(), statusPort } = settings.control;
  const liveness = ({ signal }: Tenure) => watchNodes({ bus, clock, logger }, signal);
  const sweeping = ({ signal }: Tenure) => sweepWishes({ bus, logger }, signal);
  const answer = answerInThread(settings);
  const questions = ({ signal }: Tenure) =>
    serveQuestions({ live: bus.live, clock, logger, answer }, signal);
  const duties = { liveness, sweeping, questions, ...archive.duties };
  const host = startHost(
    { bus, clock, logger, aggregates, name, mayBeArchived, duties },
    stop.signal,
  );
  await using _status = await startStatusServer({
    port: statusPort,
    findHindrance: () => host.resignation(),
    metrics: async () => metricsOf(host, await bus.setAside.count()),
    logger,
  });
  await Promise.race([host.joined, host.done]);
  process.stdout.write('ready\n');
  await host.done;
  await archive.following;
  logger.info(host.counts, 'control ends');
}

/** Another one for each process, in the letters that a name may have. */
function ownName(): string {
  const machine = hostname()
    .replaceAll(/[^A-Za-z0-9-]/g, '-')
    .slice(0, MACHINE_CHARACTERS_MAX);
  return `${machine}_${process.pid}`;
}

function metricsOf({ counts, heldAggregates, duties }: Host, setAside: number): string {
  return [
    '# TYPE orrery_turns_total counter',
    `orrery_turns_total ${counts.turns}`,
    '# TYPE orrery_turn_retries_total counter',
    `orrery_turn_retries_total ${counts.retries}`,
    '# TYPE orrery_commands_set_aside_total counter',
    `orrery_commands_set_aside_total ${counts.poisoned}`,
    '# TYPE orrery_set_aside gauge',
    `orrery_set_aside ${setAside}`,
    '# TYPE orrery_duties_held gauge',
    `orrery_duties_held ${duties().length}`,
    '# TYPE orrery_aggregates_held gauge',
    `orrery_aggregates_held ${heldAggregates()}`,
    '',
  ].join('\n');
}

await runProgram('control', main);
