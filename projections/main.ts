import { parseArgs } from 'node:util';
import {
  type Bus,
  BusUnavailable,
  connectBus,
  createLogger,
  type Logger,
  OrreryError,
  openSegmentStore,
  readSettings,
  runProgram,
  type Settings,
  startStatusServer,
  startTelemetry,
  systemClock,
  withArchive,
} from '@orrery/bus';
import { BackOff } from './back-off.ts';
import { Database, DEFAULT_SCHEMA } from './database.ts';
import { runProjector } from './projector.ts';
import { metricsText } from './projector-metrics.ts';
import { ProjectorState } from './projector-state.ts';
import { REBUILD_MS_MAX } from './report.ts';
import { keepSeries } from './statistics/series-keeper.ts';

/** One to follow, one to migrate. */
const CONNECTIONS_MAX = 2;
/** One to lead and to write, one to migrate. */
const SERIES_CONNECTIONS_MAX = 2;
/** One to replay, one to compare and swap. */
const MAINTENANCE_CONNECTIONS_MAX = 2;

/** The projector process: `node projections/main.ts --config FILE`. Prints `ready` when it has caught up once. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new Error('the projector needs --config FILE');
  const settings = readSettings(values.config, process.env);
  const logger = createLogger({ name: 'projector', level: settings.logging.level });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
  const { tracing } = settings;
  await using _telemetry = await startTelemetry({
    service: 'projector',
    tracing,
    environ: process.env,
  });
  const state = new ProjectorState(() => process.stdout.write('ready\n'));
  await using _status = await startStatusServer({
    port: settings.projector.statusPort,
    findHindrance: () => hindrance(state),
    metrics: () => metricsText(state),
    logger,
  });
  const connected = await connect(settings, logger, stop.signal);
  if (connected === undefined) return;
  await using _bus = connected;
  const store = openSegmentStore(settings.archive, systemClock);
  const clock = systemClock;
  await using database = new Database({
    ...settings.postgres,
    clock,
    connectionsMax: CONNECTIONS_MAX,
  });
  await using maintenance = new Database({
    ...settings.postgres,
    clock,
    connectionsMax: MAINTENANCE_CONNECTIONS_MAX,
    statementMsMax: REBUILD_MS_MAX,
  });
  await using seriesDatabase = new Database({
    ...settings.postgres,
    clock,
    connectionsMax: SERIES_CONNECTIONS_MAX,
  });
  const schema = DEFAULT_SCHEMA;
  const over = new AbortController();
  const { live } = connected;
  const keeping = keepSeries(
    { live, database: seriesDatabase, schema, clock, logger },
    AbortSignal.any([stop.signal, over.signal]),
  );
  try {
    const bus = { ...connected, log: withArchive(connected.log, store) };
    await runProjector({ bus, database, maintenance, schema, clock, logger, state }, stop.signal);
    logger.info({ projectedSequence: state.projectedSequence }, 'the projector ends');
  } catch (error) {
    logger.fatal({ err: error }, 'the projector cannot go on');
    if (error instanceof OrreryError) throw error;
    process.exitCode = 1;
  } finally {
    over.abort(new Error('the projector ends'));
    await keeping;
  }
}

function hindrance(state: ProjectorState): string | undefined {
  if (!state.isFollowing) return 'the log is not followed: the database or the bus is away';
  return state.hasCaughtUp ? undefined : 'the tables have not caught up with the log yet';
}

/** Undefined when the signal fired first. */
async function connect(
  settings: Settings,
  logger: Logger,
  signal: AbortSignal,
): Promise<Bus | undefined> {
  const backOff = new BackOff(systemClock);
  while (!signal.aborted) {
    try {
      return await connectBus(settings.bus, { name: 'projector', logger });
    } catch (error) {
      if (!(error instanceof BusUnavailable)) throw error;
      logger.warn({ err: error }, 'the bus does not answer');
      await backOff.wait(signal);
    }
  }
  return undefined;
}

await runProgram('projector', main);
