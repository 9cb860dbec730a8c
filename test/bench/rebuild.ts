import { type Bus, connectBus, subjects, systemClock } from '@orrery/bus';
import { type ProjectionReport, requestReport } from '@orrery/projections';
import { startNats } from '../environment/nats.ts';
import { startPostgres } from '../environment/postgres.ts';
import { useOf } from '../environment/system.ts';
import { LogFiller } from './log-filling.ts';
import { monotonicMs, percentile, print, tell, timed } from './measure.ts';
import { ProjectorProcess } from './projector-process.ts';
import { SessionLives, type WrittenCommit } from './session-lives.ts';
import { betweenYardsticks } from './yardsticks.ts';

const BEGAN_AT_MS = Date.UTC(2026, 0, 1);
const EVENTS_OF_A_LIFE = 18;
/** Sessions that live side by side in the log. */
const SIDE_BY_SIDE = 500;
const LIVE_MS = 10_000;
const TICK_MS = 5;
/** Commits that wait for their acknowledgement; a machine that is slower than asked gets no more. */
const UNACKED_MAX = 1_000;

/**
 * All tables made from a log of so many events: by a projector that begins, and by one that rebuilds;
 * then how far a live one is behind its log, alone and while it verifies.
 */
export async function rebuild({
  events,
  eventsPerSecond,
}: {
  readonly events: number;
  readonly eventsPerSecond: number;
}): Promise<void> {
  await betweenYardsticks('rebuild', { withDocker: false }, async () => {
    const nats = await startNats();
    const postgres = await startPostgres({ isSynced: true });
    try {
      const { servers, user, password } = nats;
      const settings = { servers: [...servers], user, password, replicas: 1, partitions: 8 };
      await using bus = await connectBus(settings, { name: 'bench' });
      await using filler = await LogFiller.open(nats);
      const lives = new SessionLives(BEGAN_AT_MS);
      const written = await fill(filler, lives, events);
      const begun = monotonicMs();
      await using projector = new ProjectorProcess(nats, postgres);
      await projector.ready;
      figure('catch_up_events_per_s', (written / (monotonicMs() - begun)) * 1000, '1/s');
      const uses = (): Uses => ({ projector: useOf(projector.pid), postgres: useOf(postgres.pid) });
      printUses('catch_up', uses(), {}, lives.sessions);
      const before = uses();
      const report = await reportOf(bus, 'rebuild');
      figure('events_per_s', (report.events / report.durationMs) * 1000, '1/s');
      printUses('rebuild', uses(), before, lives.sessions);
      const stage: LiveStage = { bus, filler, lives, eventsPerSecond };
      const atLive = uses();
      const sessions = lives.sessions;
      printLags('lag', await lagsWhile(stage, () => systemClock.sleep(LIVE_MS)));
      printUses('live', uses(), atLive, lives.sessions - sessions);
      const atVerify = uses();
      const verified = lives.sessions;
      printLags('verify_lag', await lagsWhile(stage, () => reportOf(bus, 'verify')));
      printUses('verify', uses(), atVerify, verified);
      figure('rss_mib_max', useOf(projector.pid)?.peakMib ?? Number.NaN, 'MiB');
    } finally {
      await nats.stop();
      await postgres.stop();
    }
  });
}

function figure(metric: string, value: number, unit: string): void {
  print({ bench: 'rebuild', metric, value, unit });
}

async function fill(filler: LogFiller, lives: SessionLives, events: number): Promise<number> {
  let written = await filler.fill(lives.furnish());
  const ms = await timed(async () => {
    written += await filler.fill(waves(lives, Math.ceil(events / EVENTS_OF_A_LIFE)));
  });
  tell(`${written} events of ${lives.sessions} sessions were written in ${Math.round(ms)} ms`);
  return written;
}

function* waves(lives: SessionLives, sessions: number): Generator<WrittenCommit> {
  for (let left = sessions; left > 0; left -= SIDE_BY_SIDE)
    yield* lives.wave(Math.min(left, SIDE_BY_SIDE));
}

async function reportOf(bus: Bus, operation: 'rebuild' | 'verify'): Promise<ProjectionReport> {
  const answer = await requestReport(bus.live, operation);
  if (!answer.ok) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  const { isEqual, differences, durationMs } = answer.value;
  if (!isEqual) throw new Error(`the tables differ: ${JSON.stringify(differences)}`);
  tell(`${operation}: ${Math.round(durationMs)} ms`);
  return answer.value;
}

interface LiveStage {
  readonly bus: Bus;
  readonly filler: LogFiller;
  readonly lives: SessionLives;
  readonly eventsPerSecond: number;
}

/**
 * Appends so many events a second until `work` is done; milliseconds from the acknowledgement of each
 * commit to the notice that it is projected.
 */
async function lagsWhile(stage: LiveStage, work: () => Promise<unknown>): Promise<number[]> {
  const { bus, filler, lives, eventsPerSecond } = stage;
  const lags: number[] = [];
  const unseen: { readonly sequence: number; readonly ackedAtMs: number }[] = [];
  let projected = 0;
  const stop = new AbortController();
  const listening = (async () => {
    for await (const { body } of bus.live.subscribe(subjects.projected, stop.signal)) {
      projected = Number(new Map(Object.entries(Object(body))).get('sequence'));
      const nowMs = monotonicMs();
      while (unseen[0] !== undefined && unseen[0].sequence <= projected)
        lags.push(nowMs - (unseen.shift()?.ackedAtMs ?? nowMs));
    }
  })();
  let isWorking = true;
  const working = work().finally(() => {
    isWorking = false;
  });
  const commits = waves(lives, Number.MAX_SAFE_INTEGER);
  const appended = new Set<Promise<void>>();
  let events = 0;
  const append = async (commit: WrittenCommit): Promise<void> => {
    const sequence = await filler.storeOne(commit);
    if (sequence <= projected) lags.push(0);
    else unseen.push({ sequence, ackedAtMs: monotonicMs() });
  };
  for (const startMs = monotonicMs(); isWorking; ) {
    const dueEvents = ((monotonicMs() - startMs) / 1000) * eventsPerSecond;
    while (events < dueEvents && appended.size < UNACKED_MAX) {
      const { value } = commits.next();
      if (value === undefined) break;
      events += value.events;
      const appending: Promise<void> = append(value).finally(() => appended.delete(appending));
      appended.add(appending);
    }
    await systemClock.sleep(TICK_MS);
  }
  await working;
  await Promise.all(appended);
  const giveUp = AbortSignal.timeout(60_000);
  while (unseen.length > 0) await systemClock.sleep(TICK_MS, giveUp);
  stop.abort();
  await listening;
  return lags;
}

function printLags(name: string, lags: readonly number[]): void {
  figure(`${name}_ms_p50`, percentile(lags, 0.5), 'ms');
  figure(`${name}_ms_p99`, percentile(lags, 0.99), 'ms');
  figure(`${name}_ms_max`, percentile(lags, 1), 'ms');
}

type Uses = Readonly<Record<string, ReturnType<typeof useOf>>>;

function printUses(phase: string, after: Uses, before: Uses, sessions: number): void {
  for (const [name, use] of Object.entries(after)) {
    const ms = (use?.cpuMs ?? Number.NaN) - (before[name]?.cpuMs ?? 0);
    figure(`${phase}_${name}_cpu_ms_per_session`, ms / sessions, 'ms');
  }
}
