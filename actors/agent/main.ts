import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type Bus,
  type Clock,
  connectBus,
  createLogger,
  type Logger,
  readSettings,
  runProgram,
  type Settings,
  SettingsInvalid,
  startTelemetry,
  steadyClock,
  systemClock,
} from '@orrery/bus';
import { type Agent, startAgent } from './agent.ts';
import { askedRegistries } from './asked-registries.ts';
import { DeviceDriver } from './compute/device-driver.ts';
import { openDevices } from './compute/open-devices.ts';
import type { ContainerDriver, EngineCapacity } from './container-driver.ts';
import { type DataDirectory, openDataDirectory } from './data-directory.ts';
import { chooseDriver } from './driver-choice.ts';
import { KeptLogs } from './kept-logs.ts';
import { KernelRecords } from './kernel-records.ts';
import { EngineWatch } from './networks/engine-watch.ts';
import { nodeFacts, reservedSlots } from './node-facts.ts';
import { NodeTroubles, type TroubleSource } from './node-troubles.ts';
import { ReportGate } from './report-gate.ts';
import { KeeperClient } from './runs/keeper-client.ts';
import { keepNoticed } from './service-notice.ts';
import { readNodeUsage } from './statistics/node-usage.ts';
import { diskShortage, engineSilence, memoryShortage } from './trouble-sources.ts';
import { watchFacts } from './watch-facts.ts';

type AgentSettings = NonNullable<Settings['agent']>;

/**
 * The agent process: `node actors/agent/main.ts --config FILE`. Prints `ready` when its nodes are
 * registered. SIGTERM ends it; containers go on, and the next agent finds them.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new Error('the agent needs --config FILE');
  const settings = readSettings(values.config, process.env);
  if (settings.agent === undefined)
    throw new SettingsInvalid(`the settings file ${values.config} has no section agent`);
  const logger = createLogger({ name: 'agent', level: settings.logging.level });
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => stop.abort(new Error(`the agent got ${name}`)));
  const { tracing } = settings;
  await using _telemetry = await startTelemetry({
    service: 'agent',
    tracing,
    environ: process.env,
  });
  using directory = openDataDirectory(settings.agent.dataDirectory);
  await using bus = await connectBus(settings.bus, {
    name: `agent-${settings.agent.node}`,
    logger,
  });
  const names = nodeNames(settings.agent);
  const reportGate = new ReportGate();
  const { signal } = stop;
  const parts = { settings: settings.agent, bus, directory, logger, reportGate, signal };
  const agents = await Promise.all(names.map((node) => startNode(node, parts)));
  await Promise.all(agents.map(({ ready }) => ready));
  if (!signal.aborted) process.stdout.write('ready\n');
  const noticed = keepNoticed({ environ: process.env, clock: systemClock, logger }, signal);
  await Promise.all([noticed, ...agents.map(({ done }) => done)]);
  logger.info({ nodes: names.length }, 'the agent ends');
}

function nodeNames({ node, driver, simulatedNodes }: AgentSettings): readonly string[] {
  if (driver !== 'simulated' || simulatedNodes === 1) return [node];
  return Array.from({ length: simulatedNodes }, (_, index) => `${node}-${index}`);
}

async function startNode(
  node: string,
  parts: {
    readonly settings: AgentSettings;
    readonly bus: Bus;
    readonly directory: DataDirectory;
    readonly logger: Logger;
    readonly reportGate: ReportGate;
    readonly signal: AbortSignal;
  },
): Promise<Agent> {
  const { settings, bus, reportGate } = parts;
  const logger = parts.logger.child({ node });
  const clock = systemClock;
  const isSimulated = settings.driver === 'simulated';
  const directory = isSimulated ? '' : parts.directory.ofNode(node);
  const uid = process.getuid?.() ?? 0;
  const user = uid === 0 ? undefined : `${uid}:${process.getgid?.() ?? uid}`;
  const { installation } = parts.directory;
  const engine = await chooseDriver({
    settings,
    node,
    installation,
    directory,
    environ: process.env,
    user,
    registries: askedRegistries(bus.live, node),
    clock,
    logger,
  });
  const capacity = await engine.capacity(parts.signal);
  const reserved = reservedSlots(capacity, settings);
  const devices = await openDevices(
    { settings: settings.compute, driver: engine.name, capacity, reserved, logger },
    parts.signal,
  );
  const driver = devices === undefined ? engine : new DeviceDriver(engine, devices);
  const troubles = new NodeTroubles({ clock, logger });
  const watched = new EngineWatch(driver.networks);
  await watched.refresh(parts.signal);
  const factsNow = () =>
    nodeFacts(driver.name, capacity, settings, {
      devices,
      engine: watched.facts,
      troubles: troubles.all,
    });
  const changing = [...(devices === undefined ? [] : [devices]), watched];
  const agent = startAgent(
    {
      bus,
      node,
      driver,
      facts: factsNow(),
      laterFacts: isSimulated
        ? undefined
        : (signal) => watchFacts({ changing, troubles, factsNow, clock, logger }, signal),
      reportGate,
      troubles,
      troubleSources: isSimulated ? [] : troubleSources(driver, { directory, capacity, clock }),
      statistics: {
        periodMs: settings.statisticsPeriodMs,
        steady: steadyClock,
        // A machine that plays many nodes is not what one of them would be.
        readNode: isSimulated ? undefined : readNodeUsage,
        readDevices: devices === undefined ? undefined : (signal) => devices.measure(signal),
      },
      clock,
      logger,
      // What is only simulated ends with this process, and so does what is known of it.
      records: new KernelRecords({
        logger,
        path: isSimulated ? undefined : join(directory, 'kernels.ndjson'),
      }),
      keptLogs: isSimulated ? undefined : await KeptLogs.open(join(directory, 'logs')),
      keeper: isSimulated
        ? undefined
        : new KeeperClient({
            node,
            installation,
            directory,
            user,
            settings: { driver: driver.name, dockerSocket: settings.dockerSocket },
          }),
      directory: isSimulated ? undefined : directory,
      imagesFile: isSimulated ? undefined : join(directory, 'images.json'),
    },
    parts.signal,
  );
  return { ready: agent.ready, done: agent.done.finally(() => driver[Symbol.asyncDispose]()) };
}

function troubleSources(
  driver: ContainerDriver,
  at: { readonly directory: string; readonly capacity: EngineCapacity; readonly clock: Clock },
): readonly TroubleSource[] {
  const { root } = at.capacity;
  const paths = root === undefined ? [at.directory] : [at.directory, root];
  return [engineSilence(driver, at.clock), diskShortage(paths), memoryShortage()];
}

await runProgram('agent', main);
