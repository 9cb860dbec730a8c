import { randomUUID } from 'node:crypto';
import type { KernelReport, KernelSpec } from '@orrery/bus';
import Docker from 'dockerode';
import { kernelSpec } from '../contract/driver/driver-bench.ts';
import { dockerEngine } from '../environment/docker.ts';
import { testImage } from '../environment/image.ts';
import { AgentProcess } from '../integration/agent/agent-process.ts';
import { monotonicMs, percentile, print, sideBySide, tell } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const WIDTHS = [1, 4, 16];
/** Of each kind, in turns, so that both meet the same machine. */
const ROUNDS = 6;
const STARTS_A_ROUND_MIN = 8;
const REMOVALS_AT_ONCE = 8;
const PATIENCE_MS = 120_000;
const MEBIBYTE = 1024 * 1024;

/** What one round took: each start from its beginning, and all of them together. */
interface Round {
  readonly startMs: readonly number[];
  readonly wholeMs: number;
}

/** The part of a plain start for which the container is there already. */
type PlainRound = Round & { readonly createdStartMs: readonly number[] };

type CreateOptions = Docker.ContainerCreateOptions;

/**
 * From a wish, before the bus has taken it, to the report that its kernel runs, to a create and start of the very same
 * container by hand: one after the other, and several at once.
 */
export async function start(): Promise<void> {
  await betweenYardsticks('start', { withDocker: true }, async () => {
    const { socketPath } = await dockerEngine();
    const docker = new Docker({ socketPath });
    const image = await testImage();
    const agent = await AgentProcess.open({ driver: 'docker', dockerSocket: socketPath });
    try {
      await agent.start();
      const model = interactive(image);
      await begin(agent, model);
      const same = await optionsOf(docker, agent, model);
      for (const width of WIDTHS) await compare({ docker, agent, image, same }, width);
      await remove(agent, [model]);
    } finally {
      await agent.close();
    }
  });
}

interface Sides {
  readonly docker: Docker;
  readonly agent: AgentProcess;
  readonly image: string;
  readonly same: CreateOptions;
}

async function compare(sides: Sides, width: number): Promise<void> {
  const count = Math.max(width, STARTS_A_ROUND_MIN);
  const plain: PlainRound[] = [];
  const ours: Round[] = [];
  // The first of each kind warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const isFirst = round % 2 === 0;
    if (isFirst) plain.push(await plainRound(sides, count, width));
    ours.push(await ourRound(sides, count, width));
    if (!isFirst) plain.push(await plainRound(sides, count, width));
  }
  const [plainMs, ourMs] = [plain, ours].map((rounds) =>
    percentile(
      rounds.slice(1).flatMap(({ startMs }) => startMs),
      0.5,
    ),
  ) as [number, number];
  const rates = [plain, ours].map((rounds) => perSecond(rounds.slice(1))) as [number, number];
  const of = (metric: string) => ({ bench: 'start', metric: `${metric}.${width}` });
  print({ ...of('plain_ms_p50'), value: plainMs, unit: 'ms' });
  print({ ...of('running_ms_p50'), value: ourMs, unit: 'ms' });
  print({ ...of('running_ratio_p50'), value: ourMs / plainMs, unit: 'ratio' });
  // What is left of a start when its container was created beforehand: no pool of such containers comes below it.
  const createdMs = percentile(
    plain.slice(1).flatMap(({ createdStartMs }) => createdStartMs),
    0.5,
  );
  print({ ...of('created_before_ratio_p50'), value: createdMs / plainMs, unit: 'ratio' });
  print({ ...of('plain_starts_per_s'), value: rates[0], unit: '1/s' });
  print({ ...of('starts_per_s'), value: rates[1], unit: '1/s' });
  print({ ...of('starts_ratio'), value: rates[1] / rates[0], unit: 'ratio' });
  tell(`${width} at once: ${plainMs.toFixed(0)} ms by hand, ${ourMs.toFixed(0)} ms by the agent`);
}

function perSecond(rounds: readonly Round[]): number {
  const starts = rounds.reduce((sum, { startMs }) => sum + startMs.length, 0);
  const ms = rounds.reduce((sum, { wholeMs }) => sum + wholeMs, 0);
  return (starts / ms) * 1000;
}

async function plainRound({ docker, same }: Sides, count: number, width: number) {
  const made: Docker.Container[] = [];
  const createdStartMs: number[] = [];
  const round = await measured(count, width, async () => {
    const container = await docker.createContainer({ ...same, name: `plain.${randomUUID()}` });
    made.push(container);
    const createdMs = monotonicMs();
    await container.start();
    createdStartMs.push(monotonicMs() - createdMs);
  });
  await sideBySide(made.length, REMOVALS_AT_ONCE, async (index) => {
    await made[index]?.remove({ force: true, v: true });
  });
  return { ...round, createdStartMs };
}

async function ourRound({ agent, image }: Sides, count: number, width: number): Promise<Round> {
  const specs = Array.from({ length: count }, () => interactive(image));
  const round = await measured(count, width, async (index) => {
    const spec = specs[index];
    if (spec !== undefined) await begin(agent, spec);
  });
  await remove(agent, specs);
  return round;
}

async function measured(
  count: number,
  width: number,
  startOne: (index: number) => Promise<unknown>,
): Promise<Round> {
  const startMs: number[] = [];
  const beganMs = monotonicMs();
  await sideBySide(count, width, async (index) => {
    const oneMs = monotonicMs();
    await startOne(index);
    startMs.push(monotonicMs() - oneMs);
  });
  return { startMs, wholeMs: monotonicMs() - beganMs };
}

function interactive(image: string): KernelSpec {
  const slots = { cpu: '0.1', mem: String(32 * MEBIBYTE) };
  return kernelSpec(image, { sessionType: 'interactive', command: null, slots });
}

/** From before the bus has taken the wish to the report that it runs. */
async function begin(agent: AgentProcess, spec: KernelSpec): Promise<void> {
  const running = heard(agent, spec, 'running');
  await agent.wish({ shall: 'run', revision: 2, spec });
  await running;
}

async function remove(agent: AgentProcess, specs: readonly KernelSpec[]): Promise<void> {
  await sideBySide(specs.length, REMOVALS_AT_ONCE, async (index) => {
    const spec = specs[index];
    if (spec === undefined) return;
    const gone = heard(agent, spec, 'exited');
    await agent.beGone(spec);
    await gone;
  });
}

/** Resolves with the report itself, and not at the next look. @throws when another end comes. */
function heard(
  agent: AgentProcess,
  { kernel }: KernelSpec,
  state: KernelReport['state'],
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = setTimeout(() => reject(new Error(`no report ${state}`)), PATIENCE_MS);
  const listener = (of: string, report: KernelReport): void => {
    if (of !== kernel) return;
    if (report.state === state) resolve();
    else if (report.state === 'failed') reject(new Error(report.message));
  };
  agent.listeners.add(listener);
  return promise.finally(() => {
    clearTimeout(late);
    agent.listeners.delete(listener);
  });
}

/** What a container was made with, so that the next is the same; its directories are those of a kernel that runs. */
async function optionsOf(
  docker: Docker,
  agent: AgentProcess,
  spec: KernelSpec,
): Promise<CreateOptions> {
  const running = agent.reportsOf(spec).find(({ state }) => state === 'running');
  if (running?.state !== 'running') throw new Error('the model does not run');
  const { Config, HostConfig } = await docker.getContainer(running.containerId).inspect();
  return {
    Image: Config.Image,
    Hostname: Config.Hostname,
    WorkingDir: Config.WorkingDir,
    Env: Config.Env,
    Entrypoint: [],
    Cmd: Config.Cmd,
    Tty: Config.Tty,
    StopSignal: 'SIGTERM',
    HostConfig,
  };
}
