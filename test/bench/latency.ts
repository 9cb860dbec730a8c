import { type KernelWish, KernelWish as Wish } from '@orrery/bus';
import Docker from 'dockerode';
import { dockerEngine } from '../environment/docker.ts';
import { testImage } from '../environment/image.ts';
import { type StartedSystem, startSystem } from '../environment/system.ts';
import { monotonicMs, percentile, print, tell } from './measure.ts';
import { betweenYardsticks, plainDockerStart } from './yardsticks.ts';

const WARM_UP = 30;
const SUBMITS = 200;
const STARTS = 30;

/** How long a person waits: for the answer, for the agent, for the container. */
export async function latency(): Promise<void> {
  await betweenYardsticks('latency', { withDocker: true }, async () => {
    await submitLatency();
    await startLatency();
  });
}

async function submitLatency(): Promise<void> {
  await using system = await startSystem(['--driver', 'simulated']);
  const arrivals = new Map<string, number>();
  const stop = new AbortController();
  const node = system.settings.agent?.node ?? 'local';
  const watching = watchNode(system, node, { arrivals, signal: stop.signal });
  const submitMs: number[] = [];
  const toAgentMs: number[] = [];
  for (let index = 0; index < WARM_UP + SUBMITS; index++) {
    const startMs = monotonicMs();
    const { session } = await system.client.createSession({
      type: 'BATCH',
      command: ['true'],
      cpu: '0.01',
      memory: '16m',
    });
    const answeredMs = monotonicMs() - startMs;
    await ended(system, session.id);
    if (index < WARM_UP) continue;
    submitMs.push(answeredMs);
    const arrivedMs = arrivals.get(session.id);
    if (arrivedMs !== undefined) toAgentMs.push(arrivedMs - startMs);
  }
  stop.abort();
  await watching;
  for (const [metric, values] of [
    ['submit_ms', submitMs],
    ['submit_to_agent_ms', toAgentMs],
  ] as const) {
    print({
      bench: 'latency',
      metric: `${metric}_p50`,
      value: percentile(values, 0.5),
      unit: 'ms',
    });
    print({
      bench: 'latency',
      metric: `${metric}_p99`,
      value: percentile(values, 0.99),
      unit: 'ms',
    });
  }
}

/** Reads the node's inbox beside its agent, so it meets each wish when the agent does. */
async function watchNode(
  { bus }: StartedSystem,
  node: string,
  { arrivals, signal }: { readonly arrivals: Map<string, number>; readonly signal: AbortSignal },
): Promise<void> {
  for await (const wishes of bus.agents.follow(node, 0, signal)) {
    for (const { wish } of wishes) {
      const parsed: KernelWish = Wish.parse(wish);
      if (parsed.shall === 'be-prepared') arrivals.set(parsed.spec.session, monotonicMs());
    }
  }
}

async function ended({ client }: StartedSystem, id: string): Promise<void> {
  for await (const event of client.sessionEvents({ id })) if (event.status === 'TERMINATED') return;
}

async function startLatency(): Promise<void> {
  const { socketPath } = await dockerEngine();
  const image = await testImage();
  const docker = new Docker({ socketPath });
  await using system = await startSystem(['--driver', 'docker'], {
    DOCKER_HOST: `unix://${socketPath}`,
  });
  const runningMs: number[] = [];
  const dockerMs: number[] = [];
  for (let index = 0; index < STARTS + 3; index++) {
    const plainMs = await plainDockerStart(docker, image);
    const startMs = monotonicMs();
    const { session } = await system.client.createSession({
      type: 'INTERACTIVE',
      image,
      cpu: '1',
      memory: '64m',
    });
    for await (const event of system.client.sessionEvents({ id: session.id }))
      if (event.status === 'RUNNING') break;
    const ms = monotonicMs() - startMs;
    await system.client.terminateSession({ id: session.id, mode: 'FORCE' });
    await ended(system, session.id);
    if (index < 3) continue;
    dockerMs.push(plainMs);
    runningMs.push(ms);
    tell(`docker ${plainMs.toFixed(0)} ms, session ${ms.toFixed(0)} ms`);
  }
  const ratios = runningMs.map((ms, index) => ms / (dockerMs[index] ?? Number.NaN));
  const bench = 'latency';
  print({
    bench,
    metric: 'submit_to_running_ms_p50',
    value: percentile(runningMs, 0.5),
    unit: 'ms',
  });
  print({ bench, metric: 'docker_start_ms_p50', value: percentile(dockerMs, 0.5), unit: 'ms' });
  print({ bench, metric: 'running_ratio_p50', value: percentile(ratios, 0.5), unit: 'ratio' });
}
