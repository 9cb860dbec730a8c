import { readFileSync } from 'node:fs';
import { type Bus, newId, systemClock } from '@orrery/bus';
import { comesTrue } from '../../deploy/embedded/clock.ts';
import { startControlHosts } from '../integration/actors/control-hosts.ts';
import { fillLog, kernelIdOf, sessionIdOf } from './log-filler.ts';
import { monotonicMs, print, sideBySide, tell, timed } from './measure.ts';
import { EVENTS_OF_ENDED, EVENTS_OF_PENDING, queuedOf, SCHEDULER } from './sample-lives.ts';
import { betweenYardsticks } from './yardsticks.ts';

const NODES = 100;
const BYTES_PER_KIB = 1024;
const PATIENCE_MS = 120_000;
/** Commands under way at once when many sessions are asked, and these sessions. */
const CONNECTIONS = 256;
const SESSIONS_ASKED_MAX = 2000;
const bench = 'recover';

export interface Sizes {
  /** Sessions that run when the host that owns them is killed. */
  readonly live: number;
  /** Sessions that wait for room at a cold start, and all events of the log then. */
  readonly pending: number;
  readonly events: number;
}

/** How long nobody decides when a host is killed, and when all of them were away. */
export async function recover(sizes: Sizes): Promise<void> {
  await betweenYardsticks(bench, { withDocker: false }, async () => {
    await takeOver(sizes);
    await startCold(sizes);
  });
}

/** From the kill -9 of a host to the answers of every partition that was its own. */
async function takeOver({ live }: Sizes): Promise<void> {
  await using hosts = await startControlHosts();
  const { bus } = hosts;
  await fillLog(hosts.server, { ended: 0, live, pending: 0, nodes: NODES });
  await hosts.start('first');
  await answers(bus, 0);
  await hosts.start('second');
  await becomesTrue(async () => new Set(await hosts.owners()).size === 2);
  await manySessions(bus, live, 'sessions_loaded_per_s');
  const schedulers = bus.inbox.partitionOf('scheduler', SCHEDULER);
  const owners = await hosts.owners();
  const victim = owners[schedulers] ?? 'first';
  tell(`${owners.filter((owner) => owner === victim).length} partitions die with ${victim}`);
  const takeoverMs = await timed(async () => {
    await hosts.end(victim, 'SIGKILL');
    await answers(bus, 100);
  });
  print({ bench, metric: 'takeover_s', value: takeoverMs / 1000, unit: 's' });
  await manySessions(bus, live, 'sessions_taken_over_per_s');
}

/** From the start of the only host to the answers of every partition, the scheduler's included. */
async function startCold({ pending, events }: Sizes): Promise<void> {
  await using hosts = await startControlHosts();
  const { bus } = hosts;
  const ended = Math.max(0, Math.ceil((events - pending * EVENTS_OF_PENDING) / EVENTS_OF_ENDED));
  const filling = { ended, live: 0, pending, nodes: NODES };
  const startMs = monotonicMs();
  const filled = await fillLog(hosts.server, filling);
  const perSecond = (filled.events / (monotonicMs() - startMs)) * 1000;
  print({ bench, metric: 'fill_events_per_s', value: perSecond, unit: '1/s' });
  print({ bench, metric: 'log_events', value: filled.events, unit: 'events' });
  const probe = (index: number) => answers(bus, ended + index);
  const start = async (index: number, metric: string): Promise<void> => {
    const tookMs = await timed(async () => {
      await hosts.start('only');
      await probe(index);
    });
    print({ bench, metric, value: tookMs / 1000, unit: 's' });
    const { now, peak } = residentBytes(hosts.pidOf('only'));
    const bytes = { bench, unit: 'B' };
    print({ ...bytes, metric: `${metric.slice(0, -2)}_pending_bytes_max`, value: peak / pending });
    if (metric === 'cold_start_s')
      print({ ...bytes, metric: 'pending_bytes', value: now / pending });
  };
  await start(0, 'cold_start_from_log_s');
  await becomesTrue(async () => (await bus.snapshots.load('scheduler', SCHEDULER)) !== undefined);
  await hosts.end('only', 'SIGKILL');
  await start(500, 'cold_start_s');
}

/** One command for a session of each partition, from the given one on, and one for the scheduler. */
async function answers(bus: Bus, firstIndex: number): Promise<void> {
  const asked = new Set<number>();
  const probes: Promise<void>[] = [queue(bus)];
  for (let index = firstIndex; asked.size < bus.inbox.partitions; index++) {
    const partition = bus.inbox.partitionOf('session', sessionIdOf(index));
    if (asked.has(partition)) continue;
    asked.add(partition);
    probes.push(end(bus, index));
  }
  await Promise.all(probes);
}

async function end(bus: Bus, index: number): Promise<void> {
  await ask(bus, {
    aggregate: 'session',
    aggregateId: sessionIdOf(index),
    command: { type: 'terminate', reason: 'user-requested', mode: 'force' },
  });
}

async function queue(bus: Bus): Promise<void> {
  const queued = { ...queuedOf({ cpu: '128', mem: '1' }), session: newId(systemClock.nowMs()) };
  const command = { type: 'queue', queued };
  await ask(bus, { aggregate: 'scheduler', aggregateId: SCHEDULER, command });
}

/** A command that changes nothing for many sessions, so that these are in memory afterwards. */
async function manySessions(bus: Bus, live: number, metric: string): Promise<void> {
  const sessions = Math.min(live, SESSIONS_ASKED_MAX);
  const tookMs = await timed(() =>
    sideBySide(sessions, CONNECTIONS, (index) =>
      ask(bus, {
        aggregate: 'session',
        aggregateId: sessionIdOf(index),
        command: {
          type: 'place',
          attempt: 1,
          placements: [{ kernel: kernelIdOf(index), node: 'elsewhere', slots: {} }],
        },
      }),
    ),
  );
  print({ bench, metric, value: (sessions / tookMs) * 1000, unit: '1/s' });
}

/** @throws when the command is refused or not answered in time. */
async function ask(
  bus: Bus,
  message: Pick<Parameters<Bus['inbox']['request']>[0], 'aggregate' | 'aggregateId' | 'command'>,
): Promise<void> {
  const nowMs = systemClock.nowMs();
  const outcome = await bus.inbox.request(
    { id: newId(nowMs), actor: { kind: 'system', id: bench }, sentAtMs: nowMs, ...message },
    AbortSignal.timeout(PATIENCE_MS),
  );
  if (!outcome.ok) throw new Error(`${message.aggregateId}: ${outcome.error.message}`);
}

async function becomesTrue(condition: () => Promise<boolean>): Promise<void> {
  const isTrue = await comesTrue(condition, { withinMs: PATIENCE_MS, everyMs: 50 });
  if (!isTrue) throw new Error('what was waited for did not come');
}

function residentBytes(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * BYTES_PER_KIB;
  return { now: of('VmRSS'), peak: of('VmHWM') };
}
