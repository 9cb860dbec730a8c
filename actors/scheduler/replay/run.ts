import {
  err,
  ok,
  type Rejection,
  type Result,
  type SchedulerCommand,
  type SchedulerEvent,
} from '@orrery/bus';
import { setGroup } from '../administration.ts';
import { schedulerAggregate } from '../aggregate.ts';
import { decide } from '../decide.ts';
import { fold } from '../fold.ts';
import { conclude } from '../pass.ts';
import type { SchedulerState } from '../state.ts';
import { restore } from '../stored-state.ts';
import { Agenda } from './agenda.ts';
import { Lives } from './lives.ts';
import {
  type Input,
  keyOf,
  placementOf,
  type RecordedPlacement,
  type RecordedTurn,
  type Recording,
  stateKnowing,
} from './recording.ts';
import { type Outcome, Tally } from './tally.ts';

/** Turns of one replay: what a policy makes of a period may take more of them than it had. */
const TURNS_MAX = 2_000_000;

export type PolicyChange = Extract<SchedulerCommand, { readonly type: 'set-group' }>['policy'];

/** The policy of which group is another one; without a change it stays as it was. */
export interface Trial {
  readonly group: string;
  readonly policy?: PolicyChange | undefined;
}

export interface Replayed {
  readonly outcome: Outcome;
  /** Of all groups. */
  readonly placements: readonly RecordedPlacement[];
}

/**
 * Runs a period through the scheduler itself: who came, what administrators did and how the nodes fared is as it
 * was, and a session runs as long as it ran. Under its own policy it gives the very same placements.
 */
export function replay(recording: Recording, trial: Trial): Result<Replayed, Rejection> {
  const state = recording.before.reduce<SchedulerState>(restore, stateKnowing(recording.slots));
  const { group, policy } = trial;
  let isOwn = true;
  if (policy !== undefined) {
    const set = setGroup(state, { type: 'set-group', group, policy });
    if (!set.ok) return err(set.error);
    for (const event of set.value) fold(state, event);
    isOwn = false;
  }
  const rehearsal = new Rehearsal(recording, state, { group, isOwn });
  const replayed = rehearsal.run();
  if (replayed !== undefined) return ok(replayed);
  const message = `it takes more than ${TURNS_MAX} turns; choose a shorter period`;
  return err({ code: 'replay-too-long', message, field: 'to' });
}

interface Part {
  readonly group: string;
  /** Whether nothing is decided otherwise, so that also the moments are as they were. */
  readonly isOwn: boolean;
}

class Rehearsal {
  readonly #recording: Recording;
  readonly #state: SchedulerState;
  readonly #part: Part;
  readonly #lives: Lives;
  readonly #agenda = new Agenda();
  readonly #tally: Tally;
  readonly #placements: RecordedPlacement[] = [];
  #nowMs: number;

  constructor(recording: Recording, state: SchedulerState, part: Part) {
    this.#recording = recording;
    this.#state = state;
    this.#part = part;
    this.#nowMs = recording.fromMs;
    this.#lives = new Lives(recording);
    this.#tally = new Tally(state, part.group, recording.fromMs);
    for (const { session, attempt } of state.allocations.values())
      this.#agenda.set(this.#lives.endOfOld(session, attempt));
  }

  /** Undefined when it would take too many turns. */
  run(): Replayed | undefined {
    const { turns, toMs } = this.#recording;
    let next = 0;
    for (let count = 0; ; count += 1) {
      if (count >= TURNS_MAX) return undefined;
      const turn = turns[next];
      const appointment = this.#agenda.first();
      const atMs = Math.min(
        turn?.atMs ?? Infinity,
        appointment?.atMs ?? Infinity,
        this.#lookAtMs(),
      );
      if (atMs === Infinity || atMs > toMs) break;
      this.#moveTo(atMs);
      if (turn !== undefined && turn.atMs <= atMs && (appointment?.atMs ?? Infinity) >= turn.atMs) {
        this.#takeTurn(turn, next);
        next += 1;
      } else if (appointment !== undefined && appointment.atMs <= atMs)
        this.#keepAppointments(atMs);
      else this.#conclude(this.#tell({ type: 'pass-deadline', deadline: '' }));
    }
    const endMs = toMs === Infinity ? this.#nowMs : toMs;
    this.#moveTo(endMs);
    return {
      outcome: this.#tally.outcome(this.#state, this.#lives.assumed),
      placements: this.#placements,
    };
  }

  #moveTo(atMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, atMs);
    this.#tally.moveTo(this.#nowMs);
  }

  /** When time alone may change something; as it was under the policy of then. */
  #lookAtMs(): number {
    if (this.#part.isOwn && this.#recording.toMs !== Infinity) return Infinity;
    const atMs = schedulerAggregate.deadline(this.#state)?.deadlineAtMs ?? Infinity;
    return Math.max(atMs, this.#nowMs + 1);
  }

  #takeTurn({ inputs }: RecordedTurn, turn: number): void {
    const events = inputs.flatMap((input) => this.#take(input, turn));
    this.#conclude(events);
  }

  /** All that come at this moment outside recorded turns. */
  #keepAppointments(atMs: number): void {
    const events: SchedulerEvent[] = [];
    for (;;) {
      const one = this.#agenda.first();
      if (one === undefined || one.atMs > atMs) break;
      events.push(...this.#keep(one.key));
    }
    this.#conclude(events);
  }

  #take(input: Input, turn: number): readonly SchedulerEvent[] {
    switch (input.type) {
      case 'tell':
        return this.#takeCommand(input.command);
      case 'rule': {
        const { event } = input;
        const isTried = 'group' in event && event.group === this.#part.group && !this.#part.isOwn;
        if (isTried) return [];
        fold(this.#state, event);
        return [event];
      }
      case 'ended':
      case 'queued-again': {
        const key = input.type === 'ended' ? input.key : `again ${input.key}`;
        return this.#agenda.find(key)?.turn === turn ? this.#keep(key) : [];
      }
      case 'withdrawn':
        return this.#withdraw(input.session);
      case 'outcome': {
        const { session, result } = input;
        const isAlive = this.#state.queue.has(session) || this.#state.allocations.has(session);
        return isAlive && !this.#part.isOwn ? [] : this.#tell({ type: 'finish', session, result });
      }
      case 'looked':
        return this.#part.isOwn ? this.#tell({ type: 'pass-deadline', deadline: '' }) : [];
      default:
        return input satisfies never;
    }
  }

  #takeCommand(command: SchedulerCommand): readonly SchedulerEvent[] {
    if (command.type !== 'queue') {
      const events = this.#tell(command);
      if (command.type === 'update-node') this.#tally.count(this.#state);
      return events;
    }
    const { session, attempt, dependencies = [] } = command.queued;
    // It was queued again while it waited, and it runs here.
    if (attempt > 1 && this.#state.allocations.has(session)) return [];
    const events = this.#tell(command);
    if (this.#part.isOwn) return events;
    const over = dependencies.filter((one) => this.#lives.isOver(one.session));
    return [...events, ...over.flatMap((one) => this.#finish(one.session))];
  }

  #finish(session: string): readonly SchedulerEvent[] {
    return this.#tell({ type: 'finish', session, result: this.#lives.resultOf(session) });
  }

  /** A person ended it. */
  #withdraw(session: string): readonly SchedulerEvent[] {
    const allocation = this.#state.allocations.get(session);
    if (allocation !== undefined) {
      this.#agenda.remove(keyOf(session, allocation.attempt));
      this.#lives.over(session);
    }
    const attempt = Number.MAX_SAFE_INTEGER;
    return this.#tell({ type: 'release', session, attempt });
  }

  /** The end of a run, or that a session is queued again some time after one. */
  #keep(key: string): readonly SchedulerEvent[] {
    this.#agenda.remove(key);
    if (key.startsWith('again ')) {
      const again = this.#lives.againOf(key.slice('again '.length), this.#state);
      return again === undefined ? [] : this.#tell({ type: 'queue', queued: again });
    }
    const [session = '', attempt] = key.split('#');
    const again = this.#lives.queuedAgain(key, this.#state, this.#nowMs);
    if (again?.atOnce !== undefined) return this.#tell({ type: 'queue', queued: again.atOnce });
    if (again?.later !== undefined) this.#agenda.set({ ...again.later, key: `again ${key}` });
    else this.#lives.over(session);
    const result = again === undefined ? this.#lives.resultAtEnd(key, this.#part.isOwn) : undefined;
    return this.#tell({
      type: 'release',
      session,
      attempt: Number(attempt),
      ...(result === undefined ? {} : { result }),
    });
  }

  #tell(command: SchedulerCommand): readonly SchedulerEvent[] {
    const decision = decide(this.#state, command, { nowMs: this.#nowMs });
    const events = decision.ok ? decision.value.events : [];
    this.#note(events);
    return events;
  }

  /** The passes that a turn makes necessary. */
  #conclude(decided: readonly SchedulerEvent[]): void {
    if (decided.length === 0) return;
    for (let isMore = true; isMore; ) {
      const conclusion = conclude(this.#state, decided, this.#nowMs);
      this.#note(conclusion.events);
      ({ isMore } = conclusion);
    }
  }

  #note(events: readonly SchedulerEvent[]): void {
    for (const event of events) {
      if (event.type === 'session-queued') this.#tally.queued(event.queued, this.#nowMs);
      else if (event.type === 'session-placed') this.#placed(event);
      else if (event.type === 'allocation-released') this.#tally.released(event.session);
      else if (event.type === 'session-preempted') this.#told(event);
      else if (event.type === 'session-given-up') this.#givenUp(event.session);
      else if (event.type === 'session-dequeued') this.#tally.left(event.session);
    }
  }

  #placed(event: Extract<SchedulerEvent, { readonly type: 'session-placed' }>): void {
    const { session, attempt } = event;
    const allocation = this.#state.allocations.get(session);
    if (allocation === undefined) return;
    this.#placements.push(placementOf(event, allocation.group, this.#nowMs));
    this.#tally.placed(allocation, this.#nowMs);
    this.#agenda.set(this.#lives.endOf(session, attempt, { allocation, nowMs: this.#nowMs }));
  }

  #told({
    session,
    attempt,
    reason,
  }: Extract<SchedulerEvent, { readonly type: 'session-preempted' }>): void {
    const group = this.#state.allocations.get(session)?.group;
    if (reason === 'preempted' && group === this.#part.group) this.#tally.preempted();
    this.#agenda.set(this.#lives.endAfterTold(session, attempt, this.#nowMs));
  }

  #givenUp(session: string): void {
    this.#tally.left(session);
    this.#lives.gaveUp(session);
  }
}
