import { setTimeout as sleep } from 'node:timers/promises';
import { type StartedSystem, startSystem, useOf } from '../environment/system.ts';
import { cancelAll } from './backlog-cancel.ts';
import { type Onlooker, watchBacklog } from './backlog-onlooker.ts';
import { monotonicMs, percentile, print, sideBySide, tell } from './measure.ts';
import { printUses, usesOf } from './process-uses.ts';
import { betweenYardsticks } from './yardsticks.ts';

const bench = 'backlog';
const CONNECTIONS = 96;
/** What sessions may have of a simulated node: the agent keeps some memory for itself. */
const NODE = { cores: 64, memoryGib: 240 };
/** How long nothing is done while the processes are looked at. */
const QUIET_MS = 10_000;
/** Nodes that are freed one after the other, each when what was freed before is taken. */
const FREED = 200;

export interface BacklogSizes {
  readonly nodes: number;
  readonly pending: number;
  /** Sessions that wait when all that wait are cancelled. */
  readonly cancelled: number;
}

/**
 * A full cluster with a long queue, every process real and every store synced: what the queue costs while
 * nothing changes, how soon what is freed is taken, and how soon all are placed when there is room for all.
 */
export async function backlog({ nodes, pending, cancelled }: BacklogSizes): Promise<void> {
  await betweenYardsticks(bench, { withDocker: false }, async () => {
    await using system = await startSystem([
      '--driver',
      'simulated',
      '--simulated-nodes',
      String(nodes),
    ]);
    await using onlooker = await watchBacklog(system);
    await allAlive(system, nodes);
    const whole = { cpu: String(NODE.cores), memory: `${NODE.memoryGib}g` };
    const fillers = await createAll(system, nodes, whole);
    await onlooker.placedAtLeast(nodes);
    tell(`${nodes} nodes are full`);
    const before = await quietCost(system);
    const part = Math.max(1, Math.ceil(pending / nodes));
    const small = {
      cpu: String(Math.floor((NODE.cores * 1000) / part) / 1000),
      memory: `${Math.floor((NODE.memoryGib * 1024) / part)}m`,
    };
    const startMs = monotonicMs();
    await createAll(system, pending, small);
    print({
      bench,
      metric: 'creates_per_s',
      value: (pending / (monotonicMs() - startMs)) * 1000,
      unit: '1/s',
    });
    const during = await quietCost(system);
    for (const [name, cost] of Object.entries({ without: before, with: during }))
      print({ bench, metric: `control_cpu_ms_per_s_${name}_queue`, value: cost, unit: 'ms/s' });
    print({ bench, metric: 'control_cpu_queue_ratio', value: during / before, unit: 'ratio' });
    const freed = fillers.slice(0, Math.min(FREED, Math.floor(nodes / 2)));
    await freeOneByOne(system, onlooker, freed);
    await placeAll(system, onlooker, { fillers: fillers.slice(freed.length), pending, nodes });
    await createAll(system, cancelled, small);
    await cancelAll(system, onlooker, cancelled);
  });
}

async function allAlive({ client }: StartedSystem, nodes: number): Promise<void> {
  for (;;) {
    const { agentsByStatus } = await client.status();
    if ((agentsByStatus['ALIVE'] ?? 0) >= nodes) return;
    await sleep(100);
  }
}

/** @returns their ids. */
async function createAll(
  { client }: StartedSystem,
  count: number,
  size: { readonly cpu: string; readonly memory: string },
): Promise<readonly string[]> {
  const ids: string[] = [];
  await sideBySide(count, CONNECTIONS, async () => {
    const { session } = await client.createSession({ type: 'INTERACTIVE', ...size });
    ids.push(session.id);
  });
  return ids;
}

/** CPU of the control process while nobody asks for anything: heartbeats of the nodes are all there is. */
async function quietCost(system: StartedSystem): Promise<number> {
  await sleep(QUIET_MS / 2);
  const control = system.pids()['control'] ?? 0;
  const cpuMs = (): number => useOf(control)?.cpuMs ?? Number.NaN;
  const [beforeMs, sinceMs] = [cpuMs(), monotonicMs()];
  await sleep(QUIET_MS);
  return ((cpuMs() - beforeMs) / (monotonicMs() - sinceMs)) * 1000;
}

/** From the commit that ends the session that held the slots to the commit that gives them to the next. */
async function freeOneByOne(
  system: StartedSystem,
  onlooker: Onlooker,
  fillers: readonly string[],
): Promise<void> {
  const before = usesOf(system);
  const times: number[] = [];
  for (const id of fillers) {
    const taken = onlooker.takenAfterEndOf(id);
    await system.client.terminateSession({ id, mode: 'FORCE' });
    times.push(await taken);
    // Those that start would be measured, too.
    await onlooker.settled();
  }
  print({ bench, metric: 'freed_to_placed_ms_p50', value: percentile(times, 0.5), unit: 'ms' });
  print({ bench, metric: 'freed_to_placed_ms_p99', value: percentile(times, 0.99), unit: 'ms' });
  printUses(`${bench} freed`, system, { before, sessions: fillers.length });
}

interface Rest {
  readonly fillers: readonly string[];
  readonly pending: number;
  readonly nodes: number;
}

/** From the request that frees all nodes that are still held to the commit that places the last that waits. */
async function placeAll(
  system: StartedSystem,
  onlooker: Onlooker,
  { fillers, pending, nodes }: Rest,
): Promise<void> {
  const before = usesOf(system);
  const startMs = monotonicMs();
  await system.client.terminateSessions({ ids: fillers, mode: 'FORCE' });
  const placedMs = await onlooker.placedAtLeast(nodes + pending);
  print({ bench, metric: 'all_placed_s', value: (placedMs - startMs) / 1000, unit: 's' });
  const scheduledMs = await onlooker.scheduledAtLeast(nodes + pending);
  print({ bench, metric: 'all_scheduled_s', value: (scheduledMs - startMs) / 1000, unit: 's' });
  const runningMs = await onlooker.runningAtLeast(nodes + pending);
  print({ bench, metric: 'all_running_s', value: (runningMs - startMs) / 1000, unit: 's' });
  printUses(`${bench} placed`, system, { before, sessions: pending });
}
