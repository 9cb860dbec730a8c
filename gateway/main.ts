import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import {
  connectBus,
  createLogger,
  type Logger,
  OrreryError,
  openSegmentStore,
  readSettings,
  readTlsFiles,
  startTelemetry,
  systemClock,
  withArchive,
} from '@orrery/bus';
import { openProjections, type Projections, ProjectionsRefused } from '@orrery/projections';
import { z } from 'zod';
import { readAdministrator, registerAdministrator } from './auth/administrator.ts';
import { createGateway, type Gateway } from './gateway.ts';
import { answerLogins } from './registries/answer-logins.ts';
import { findHindrance } from './rest/readiness.ts';
import { buildServer } from './server.ts';
import { type SshServer, startSshServer } from './ssh/ssh-server.ts';

/** Wait before readiness is looked at again while nothing says that something changed. Milliseconds. */
const LOOK_AGAIN_MS = 250;
/** Requests that are still running have this long to finish. Milliseconds. */
const CLOSE_MS_MAX = 20_000;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new Error('usage: node gateway/main.ts --config FILE');
  const settings = readSettings(values.config, process.env);
  const { administratorFile, host, port, tls } = settings.gateway;
  const administrator =
    administratorFile === undefined ? undefined : readAdministrator(administratorFile);
  const logger = createLogger({ name: 'gateway', level: settings.logging.level });
  const stopping = stopSignal(logger);
  const service = 'gateway';
  await using _telemetry = await startTelemetry({
    service,
    tracing: settings.tracing,
    environ: process.env,
  });
  await using connected = await connectBus(settings.bus, { name: service, logger });
  const store = openSegmentStore(settings.archive, systemClock);
  const bus = { ...connected, log: withArchive(connected.log, store) };
  await using projections = openProjections(settings.postgres.url, {
    tls: settings.postgres.tls,
  });
  const closing = new AbortController();
  const clock = systemClock;
  const gateway = createGateway(
    {
      bus,
      projections,
      clock,
      logger,
      settings: settings.gateway,
      administrator,
      version: readVersion(),
    },
    closing.signal,
  );
  const { ended } = await gateway.feed.start(closing.signal);
  const measured = gateway.statistics.run(closing.signal);
  const telling = answerLogins(gateway, closing.signal);
  const following = Promise.all([ended, gateway.progress.run(), measured, telling]);
  const secured = tls === undefined ? undefined : readTlsFiles('gateway.tls', tls);
  const app = await buildServer(gateway, { tls: secured });
  const address = await app.listen({ host, port });
  logger.info({ address }, 'listening');
  const ssh = await openSsh(gateway);
  const registering = register(gateway, closing.signal);
  const waiting = tellReady(gateway, closing.signal);
  await Promise.race([stopping, findsRefusal(projections)]);
  const late = new AbortController();
  const deadline = clock.sleep(CLOSE_MS_MAX, late.signal).then(
    () => logger.warn('requests were still running when the gateway stopped'),
    () => undefined,
  );
  await Promise.race([Promise.all([app.close(), ssh?.close()]), deadline]);
  late.abort();
  closing.abort();
  await Promise.allSettled([following, registering, waiting, deadline]);
}

async function openSsh(gateway: Gateway): Promise<SshServer | undefined> {
  const { ssh } = gateway.settings;
  if (ssh === undefined) return undefined;
  const server = await startSshServer(gateway, ssh);
  gateway.useSshAccess(server.access);
  return server;
}

/** Never resolves. @throws {ProjectionsRefused} when no other try would end differently. */
async function findsRefusal(projections: Projections): Promise<never> {
  try {
    await projections.checkpoint();
  } catch (error) {
    if (error instanceof ProjectionsRefused) throw error;
  }
  return new Promise(() => {});
}

async function register(gateway: Gateway, signal: AbortSignal): Promise<void> {
  const { administrator } = gateway;
  if (administrator === undefined) return;
  try {
    await registerAdministrator({ ...gateway, administrator }, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Prints `ready` on standard output once a session could be created. */
async function tellReady(gateway: Gateway, signal: AbortSignal): Promise<void> {
  let last: string | undefined;
  while (!signal.aborted) {
    const hindrance = await findHindrance(gateway);
    if (hindrance === undefined) {
      process.stdout.write('ready\n');
      return;
    }
    if (hindrance !== last) gateway.logger.info({ hindrance }, 'not ready yet');
    last = hindrance;
    await gateway.clock.sleep(LOOK_AGAIN_MS, signal).catch(() => undefined);
  }
}

function stopSignal(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.once(name, () => {
        logger.info({ signal: name }, 'stopping');
        resolve();
      });
    }
  });
}

function readVersion(): string {
  const text = readFileSync(new URL('./package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const message =
      error instanceof OrreryError || error instanceof Error ? error.message : String(error);
    process.stderr.write(`gateway: ${message}\n`);
    process.exit(1);
  },
);
