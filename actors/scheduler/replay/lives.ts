import type { QueuedSession, SessionOutcome } from '@orrery/bus';
import type { AllocatedSession } from '../allocated-session.ts';
import type { SchedulerState } from '../state.ts';
import type { Appointment } from './agenda.ts';
import { keyOf, type Recording, type Run } from './recording.ts';

/** How sessions fare after they were placed, as far as the recording tells, and else as it lets one expect. */
export class Lives {
  readonly #recording: Recording;
  readonly #typicalRunMs: number;
  readonly #typicalLeaveMs: number;
  readonly #over = new Set<string>();
  readonly #givenUp = new Set<string>();
  readonly #assumed = new Set<string>();

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#typicalRunMs = middleOf([...recording.ranMs.values()]) ?? Infinity;
    const leaves = [...recording.runs.values()].flatMap(({ toldAtMs, end }) =>
      toldAtMs === undefined || end === undefined ? [] : [end.atMs - toldAtMs],
    );
    this.#typicalLeaveMs = middleOf(leaves) ?? 0;
  }

  /** Sessions of which it had to be guessed how long they run. */
  get assumed(): number {
    return this.#assumed.size;
  }

  isOver(session: string): boolean {
    return this.#over.has(session) || this.#givenUp.has(session);
  }

  over(session: string): void {
    this.#over.add(session);
  }

  gaveUp(session: string): void {
    this.#givenUp.add(session);
  }

  resultOf(session: string): SessionOutcome {
    if (this.#givenUp.has(session)) return 'failure';
    return this.#recording.outcomes.get(session) ?? 'success';
  }

  resultAtEnd(key: string, isOwn: boolean): SessionOutcome | undefined {
    const session = key.slice(0, key.lastIndexOf('#'));
    return this.#recording.runs.get(key)?.result ?? (isOwn ? undefined : this.resultOf(session));
  }

  /** Of one that ran before the period began. */
  endOfOld(session: string, attempt: number): Appointment {
    const key = keyOf(session, attempt);
    const end = this.#recording.runs.get(key)?.end;
    return { key, atMs: end?.atMs ?? Infinity, turn: end?.turn ?? Infinity };
  }

  endOf(
    session: string,
    attempt: number,
    { allocation, nowMs }: { readonly allocation: AllocatedSession; readonly nowMs: number },
  ): Appointment {
    const key = keyOf(session, attempt);
    const run = this.#recording.runs.get(key);
    return this.#appointment(key, run, nowMs + this.#runMs(run, allocation));
  }

  /** It was told to make room, or to leave its node. */
  endAfterTold(session: string, attempt: number, nowMs: number): Appointment {
    const key = keyOf(session, attempt);
    const run = this.#recording.runs.get(key);
    const isKnown = run?.toldAtMs !== undefined && run.end !== undefined;
    const leaveMs = isKnown ? (run.end?.atMs ?? 0) - (run.toldAtMs ?? 0) : this.#typicalLeaveMs;
    return this.#appointment(key, run, nowMs + leaveMs);
  }

  #appointment(key: string, run: Run | undefined, atMs: number): Appointment {
    return { key, atMs, turn: run?.end?.atMs === atMs ? run.end.turn : Infinity };
  }

  #runMs(run: Run | undefined, { session, wish }: AllocatedSession): number {
    if (run !== undefined && run.end === undefined) return Infinity;
    const lastMs = run?.end === undefined ? 0 : run.end.atMs - run.placedAtMs;
    if (run !== undefined && run.toldAtMs === undefined) return lastMs;
    const wholeMs = this.#recording.ranMs.get(session);
    // Who was told to go would have run on.
    if (wholeMs !== undefined) return Math.max(lastMs, wholeMs);
    this.#assumed.add(session);
    const atMostMs = wish.terms.runsAtMostMs ?? Infinity;
    return Math.max(lastMs, Math.min(atMostMs, this.#typicalRunMs));
  }

  /** Whether a session whose run has ended waits again: at once, or when. */
  queuedAgain(
    key: string,
    state: SchedulerState,
    nowMs: number,
  ):
    | { readonly atOnce: QueuedSession; readonly later?: undefined }
    | { readonly later: Omit<Appointment, 'key'>; readonly atOnce?: undefined }
    | undefined {
    const session = key.slice(0, key.lastIndexOf('#'));
    const allocation = state.allocations.get(session);
    const run = this.#recording.runs.get(key);
    const isRescheduled = allocation?.leaving?.mode === 'reschedule';
    const wasTold = run?.toldAtMs !== undefined;
    if (allocation === undefined || (!isRescheduled && (wasTold || run?.again === undefined)))
      return undefined;
    if (run?.again === undefined || run.end?.isInTurn === true || isRescheduled !== wasTold)
      return { atOnce: this.#queuedOf(allocation, run?.again?.queued) };
    const atMs = nowMs + run.again.atMs - (run.end?.atMs ?? run.again.atMs);
    const turn = atMs === run.again.atMs ? run.again.turn : Infinity;
    return { later: { atMs, turn } };
  }

  /** As it was queued again after this run. */
  againOf(key: string, state: SchedulerState): QueuedSession | undefined {
    const again = this.#recording.runs.get(key)?.again?.queued;
    return again === undefined || state.queue.has(again.session) ? undefined : again;
  }

  #queuedOf(
    { session, attempt, wish, placements }: AllocatedSession,
    recorded: QueuedSession | undefined,
  ): QueuedSession {
    if (recorded !== undefined) return recorded;
    const { slots, ...terms } = wish.terms;
    const kernels = placements.map(({ kernel }, index) => ({ kernel, slots: slots[index] ?? {} }));
    return { session, attempt: attempt + 1, ...terms, kernels };
  }
}

function middleOf(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)];
}
