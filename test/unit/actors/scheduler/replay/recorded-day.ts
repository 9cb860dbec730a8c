import {
  derivedId,
  type GroupPolicy,
  type QueuedSession,
  type SchedulerCommand,
  type SchedulerEvent,
} from '@orrery/bus';
import { schedulerAggregate } from '../../../../../actors/scheduler/aggregate.ts';
import { decide } from '../../../../../actors/scheduler/decide.ts';
import { conclude } from '../../../../../actors/scheduler/pass.ts';
import { Agenda } from '../../../../../actors/scheduler/replay/agenda.ts';
import { emptyState, type SchedulerState } from '../../../../../actors/scheduler/state.ts';
import { chanceOf } from '../planning/mixed-load.ts';

const HOUR_MS = 3_600_000;
const GIB = 2 ** 30;
const LEAVES_AFTER_MS = 3_100;
const ALARM_LATE_MS = 137;

export interface DayCommit {
  readonly recordedAtMs: number;
  readonly events: readonly SchedulerEvent[];
}

/** A day as the scheduler itself would write it down: sessions of all kinds, failures, drains, changes of rules. */
export function recordDay(
  seed: number,
  policy: Partial<GroupPolicy>,
  sessions = 300,
): readonly DayCommit[] {
  return new Day(seed, policy, sessions).commits;
}

class Day {
  readonly commits: DayCommit[] = [];
  readonly #state: SchedulerState = emptyState();
  readonly #agenda = new Agenda();
  readonly #works = new Map<string, () => readonly SchedulerCommand[]>();
  readonly #chance: () => number;
  readonly #queued = new Map<string, QueuedSession>();
  #count = 0;
  #nowMs = 0;

  constructor(seed: number, policy: Partial<GroupPolicy>, sessions: number) {
    this.#chance = chanceOf(seed);
    this.#at(0, () => [
      ...Array.from({ length: 6 }, (_, index) => nodeOf(index)),
      { type: 'set-group', group: 'default', policy },
      { type: 'set-limits', scope: 'user', key: 'user-0', limits: { total: { cpu: '40' } } },
    ]);
    for (let index = 0; index < sessions; index += 1) this.#arrive(index, sessions);
    this.#administer();
    this.#run();
  }

  #at(atMs: number, work: () => readonly SchedulerCommand[]): void {
    this.#count += 1;
    const key = String(this.#count).padStart(8, '0');
    this.#works.set(key, work);
    this.#agenda.set({ key, atMs, turn: 0 });
  }

  #arrive(index: number, sessions: number): void {
    const chance = this.#chance;
    // Bursts: some come in the very same moment.
    const atMs = Math.round((24 * HOUR_MS * Math.floor(index / 1.5)) / (sessions / 1.5));
    const queued = this.#sessionOf(index);
    this.#at(atMs, () => [{ type: 'queue', queued }]);
    if (chance() < 0.05)
      this.#at(atMs + Math.round(HOUR_MS * chance()), () => [
        { type: 'release', session: queued.session, attempt: 99, result: 'failure' },
      ]);
    if (chance() < 0.05)
      this.#at(atMs + 60_000, () => [
        { type: 'set-priority', session: queued.session, priority: 30 },
      ]);
  }

  #sessionOf(index: number): QueuedSession {
    const chance = this.#chance;
    const session = derivedId('day', String(index));
    const count = chance() > 0.85 ? 2 + Math.floor(3 * chance()) : 1;
    const slots = {
      cpu: String(1 + Math.floor(8 * chance())),
      mem: String(GIB * (1 + Math.floor(16 * chance()))),
      ...(chance() < 0.25 ? { 'cuda.device': String(1 + Math.floor(2 * chance())) } : {}),
    };
    const userId = `user-${Math.floor(chance() ** 2 * 6)}`;
    const before = derivedId('day', String(index - 3));
    const queued: QueuedSession = {
      session,
      attempt: 1,
      resourceGroup: chance() < 0.1 ? 'other' : 'default',
      clusterMode: count > 1 ? 'multi-node' : 'single-node',
      priority: chance() < 0.1 ? 20 : 10,
      owner: { userId, projectId: `of-${userId}`, domain: 'default', accessKey: userId },
      kernels: Array.from({ length: count }, (_, kernel) => ({
        kernel: derivedId(session, String(kernel)),
        slots,
      })),
      sessionType: 'batch',
      jobPriority: chance() < 0.2 ? 5 : 0,
      ...(chance() < 0.7 ? { runsAtMostMs: Math.round(HOUR_MS * (0.2 + 3 * chance())) } : {}),
      ...(index > 3 && chance() < 0.06
        ? { dependencies: [{ session: before, name: 'before' }] }
        : {}),
      ...(chance() < 0.05 ? { startsAtMs: 6 * HOUR_MS } : {}),
    };
    this.#queued.set(session, queued);
    return queued;
  }

  #administer(): void {
    this.#at(5 * HOUR_MS, () => [nodeOf(5, false)]);
    this.#at(6 * HOUR_MS, () => [{ type: 'evict', node: 'node-5', mode: 'reschedule' }]);
    this.#at(8 * HOUR_MS, () => [nodeOf(5)]);
    // A device type that nobody knew.
    this.#at(9 * HOUR_MS, () => [nodeOf(6, true, { 'rocm.device': '2' })]);
    this.#at(12 * HOUR_MS, () => [
      { type: 'set-group', group: 'default', policy: { pendingTimeoutMs: 3 * HOUR_MS } },
    ]);
    this.#at(13 * HOUR_MS, () => [
      { type: 'set-limits', scope: 'user', key: 'user-0', limits: null },
    ]);
  }

  #run(): void {
    for (;;) {
      const first = this.#agenda.first();
      const lookAtMs =
        (schedulerAggregate.deadline(this.#state)?.deadlineAtMs ?? Infinity) + ALARM_LATE_MS;
      const atMs = Math.max(this.#nowMs, Math.min(first?.atMs ?? Infinity, lookAtMs));
      if (atMs === Infinity || atMs > 30 * HOUR_MS) return;
      this.#nowMs = atMs;
      if (first === undefined || first.atMs > atMs)
        this.#turn([{ type: 'pass-deadline', deadline: '' }]);
      else this.#turn(this.#due(atMs));
    }
  }

  /** What comes at this moment, up to three commands in one turn. */
  #due(atMs: number): readonly SchedulerCommand[] {
    const commands: SchedulerCommand[] = [];
    for (
      let one = this.#agenda.first();
      one !== undefined && one.atMs <= atMs && commands.length < 3;
    ) {
      this.#agenda.remove(one.key);
      commands.push(...(this.#works.get(one.key)?.() ?? []));
      one = this.#agenda.first();
    }
    return commands;
  }

  #turn(commands: readonly SchedulerCommand[]): void {
    const nowMs = this.#nowMs;
    const events: SchedulerEvent[] = [];
    const effects: SchedulerCommand[] = [];
    for (const command of commands) {
      const decision = decide(this.#state, command, { nowMs });
      if (!decision.ok) throw new Error(decision.error.message);
      events.push(...decision.value.events);
    }
    if (events.length === 0) return;
    for (let isMore = true; isMore; ) {
      const conclusion = conclude(this.#state, events, nowMs);
      events.push(...conclusion.events);
      if (events.length > 0) this.commits.push({ recordedAtMs: nowMs, events: [...events] });
      for (const event of events) effects.push(...this.#followUp(event));
      events.length = 0;
      ({ isMore } = conclusion);
    }
  }

  /** What the sessions do that were told something. */
  #followUp(event: SchedulerEvent): readonly SchedulerCommand[] {
    const chance = this.#chance;
    if (event.type === 'session-placed') {
      const { session, attempt } = event;
      const hasFailed = attempt === 1 && chance() < 0.06;
      const ranMs = hasFailed ? 4_000 : Math.round(HOUR_MS * (0.1 + 3 * chance() ** 2));
      this.#at(this.#nowMs + ranMs, () => this.#end(session, attempt, hasFailed));
    }
    if (event.type === 'session-preempted') {
      const { session, attempt, mode } = event;
      this.#at(this.#nowMs + LEAVES_AFTER_MS, () =>
        this.#end(session, attempt, mode === 'reschedule'),
      );
    }
    if (event.type === 'session-queued')
      for (const { session } of event.queued.dependencies ?? [])
        if (!this.#state.queue.has(session) && !this.#state.allocations.has(session))
          this.#at(this.#nowMs + 20, () => [{ type: 'finish', session, result: 'success' }]);
    return [];
  }

  #end(session: string, attempt: number, isAgain: boolean): readonly SchedulerCommand[] {
    const allocation = this.#state.allocations.get(session);
    const queued = this.#queued.get(session);
    if (allocation?.attempt !== attempt || queued === undefined) return [];
    const { placements } = allocation;
    const failedOn = placements.map(({ node }) => ({ node, untilMs: this.#nowMs + HOUR_MS }));
    const again = {
      ...queued,
      attempt: attempt + 1,
      queuedAtMs: allocation.startedAtMs - 1,
      failedOn,
    };
    if (!isAgain) return [{ type: 'release', session, attempt, result: 'success' }];
    // Some give their slots back first and come again a little later.
    if (this.#chance() < 0.5) return [{ type: 'queue', queued: again }];
    this.#at(this.#nowMs + 1_500, () => [{ type: 'queue', queued: again }]);
    return [{ type: 'release', session, attempt }];
  }
}

function nodeOf(
  index: number,
  isSchedulable = true,
  more: Readonly<Record<string, string>> = {},
): SchedulerCommand {
  const slots = { cpu: '16', mem: String(64 * GIB), ...more };
  return {
    type: 'update-node',
    capacity: {
      node: `node-${index}`,
      resourceGroup: index === 0 ? 'other' : 'default',
      architecture: 'x86_64',
      slots: index < 4 ? { ...slots, 'cuda.device': '4' } : slots,
      isSchedulable,
    },
  };
}
