import type {
  QueuedSession,
  RecordedCommit,
  SchedulerCommand,
  SchedulerEvent,
  SessionOutcome,
  Slots,
} from '@orrery/bus';
import { emptyState, type SchedulerState, slotsIn } from '../state.ts';
import { relearn, serialise } from '../stored-state.ts';

/** Turns that one recording holds; a period with more is too long. */
export const TURNS_MAX = 500_000;

/** A period as it was, without what the policy decided in it. */
export interface Recording {
  readonly fromMs: number;
  /** Infinity: until nothing is left to happen. */
  readonly toMs: number;
  /** The state at its beginning, in parts. */
  readonly before: readonly unknown[];
  /** Names of slots that come up in it. */
  readonly slots: readonly Slots[];
  readonly turns: readonly RecordedTurn[];
  /** By session and attempt. */
  readonly runs: ReadonlyMap<string, Run>;
  /** How long the last run of a session took that ended by itself. */
  readonly ranMs: ReadonlyMap<string, number>;
  /** Of those on whom others depend. */
  readonly outcomes: ReadonlyMap<string, SessionOutcome>;
  readonly placements: readonly RecordedPlacement[];
}

/** What came in one turn, in its order. */
export interface RecordedTurn {
  readonly atMs: number;
  readonly inputs: readonly Input[];
}

export type Input =
  | { readonly type: 'tell'; readonly command: SchedulerCommand }
  /** A rule that an administrator set. */
  | { readonly type: 'rule'; readonly event: SchedulerEvent }
  /** The end of a run, or that a session was queued again after one. */
  | { readonly type: 'ended' | 'queued-again'; readonly key: string }
  /** It was ended while it waited. */
  | { readonly type: 'withdrawn'; readonly session: string }
  | { readonly type: 'outcome'; readonly session: string; readonly result: SessionOutcome }
  | { readonly type: 'looked' };

/** How it went with one attempt of a session after it was placed. */
export interface Run {
  readonly placedAtMs: number;
  /** Absent: it had not ended as far as the log goes. */
  end?: { readonly atMs: number; readonly turn: number; readonly isInTurn: boolean };
  result?: SessionOutcome;
  /** When it was told to make room or to leave its node. */
  toldAtMs?: number;
  again?: { readonly queued: QueuedSession; readonly atMs: number; readonly turn: number };
}

export interface RecordedPlacement {
  readonly session: string;
  readonly attempt: number;
  readonly group: string;
  readonly atMs: number;
  /** In the order of the kernels' ids. */
  readonly nodes: readonly string[];
}

export function keyOf(session: string, attempt: number): string {
  return `${session}#${attempt}`;
}

export function placementOf(
  event: Extract<SchedulerEvent, { readonly type: 'session-placed' }>,
  group: string,
  atMs: number,
): RecordedPlacement {
  const { session, attempt, placements } = event;
  const sorted = placements.toSorted((left, right) => (left.kernel < right.kernel ? -1 : 1));
  return { session, attempt, group, atMs, nodes: sorted.map(({ node }) => node) };
}

interface Running {
  readonly attempt: number;
  readonly group: string;
  readonly nodes: readonly string[];
}

/** Makes a recording of commits that are given in their order, from the state before them. */
export class Recorder {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #before: readonly unknown[];
  readonly #slots: Slots[] = [];
  readonly #turns: RecordedTurn[] = [];
  readonly #runs = new Map<string, Run>();
  readonly #ranMs = new Map<string, number>();
  readonly #outcomes = new Map<string, SessionOutcome>();
  readonly #placements: RecordedPlacement[] = [];
  /** Who holds slots and who waits, as it was. */
  readonly #running = new Map<string, Running>();
  readonly #waiting = new Map<string, string>();
  readonly #closed = new Set<string>();
  #nowMs: number;

  constructor(state: SchedulerState, { fromMs, toMs }: Pick<Recording, 'fromMs' | 'toMs'>) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    this.#nowMs = fromMs;
    this.#before = JSON.parse(JSON.stringify([...serialise(state)]));
    for (const { name, isSchedulable } of state.nodes.values())
      if (!isSchedulable) this.#closed.add(name);
    for (const { session, group } of state.queue.values()) this.#waiting.set(session, group);
    for (const { session, attempt, group, placements, startedAtMs } of state.allocations.values()) {
      const nodes = placements.map(({ node }) => node);
      this.#running.set(session, { attempt, group, nodes });
      this.#runs.set(keyOf(session, attempt), { placedAtMs: startedAtMs });
    }
  }

  get turns(): number {
    return this.#turns.length;
  }

  /** Whether nobody is left of whom the end is not known. */
  get isSettled(): boolean {
    return this.#running.size === 0 && this.#waiting.size === 0;
  }

  /** Past the end of the period only how those ended counts who were there. */
  take({
    recordedAtMs,
    events,
  }: Pick<RecordedCommit<SchedulerEvent>, 'recordedAtMs' | 'events'>): void {
    this.#nowMs = Math.max(this.#nowMs, recordedAtMs);
    const isWithin = this.#nowMs <= this.#toMs;
    const inputs: Input[] = [];
    const about = { turn: isWithin ? this.#turns.length : Number.POSITIVE_INFINITY, events };
    for (const event of events) {
      if (!isWithin && !this.#isKnown(event)) continue;
      inputs.push(...this.#inputsOf(event, about));
    }
    if (!isWithin || inputs.length === 0) return;
    this.#turns.push({ atMs: this.#nowMs, inputs });
    for (const event of events)
      if (event.type !== 'session-placed') this.#slots.push(...slotsIn(event));
  }

  #isKnown(event: SchedulerEvent): boolean {
    if (event.type === 'session-queued')
      return this.#runs.has(keyOf(event.queued.session, event.queued.attempt - 1));
    return (
      'session' in event && (this.#running.has(event.session) || this.#waiting.has(event.session))
    );
  }

  #inputsOf(event: SchedulerEvent, turn: TurnAbout): readonly Input[] {
    switch (event.type) {
      case 'session-queued':
        return this.#queued(event.queued, turn);
      case 'session-placed': {
        const { session, attempt, atMs = this.#nowMs } = event;
        const group = this.#waiting.get(session) ?? '';
        const placement = placementOf(event, group, atMs);
        this.#waiting.delete(session);
        this.#running.set(session, { attempt, group, nodes: placement.nodes });
        this.#runs.set(keyOf(session, attempt), { placedAtMs: atMs });
        if (Number.isFinite(turn.turn)) this.#placements.push(placement);
        return [];
      }
      case 'allocation-released':
        return this.#released(event.session, turn);
      case 'session-dequeued':
        this.#waiting.delete(event.session);
        if (isQueuedIn(turn.events, event.session)) return [];
        return [{ type: 'withdrawn', session: event.session }];
      case 'session-given-up':
        this.#waiting.delete(event.session);
        return [];
      case 'session-preempted':
        return this.#preempted(event);
      case 'dependency-ended': {
        this.#outcomes.set(event.session, event.result);
        const isTold = turn.events.some(
          (one) => one.type === 'allocation-released' && one.session === event.session,
        );
        return isTold ? [] : [{ type: 'outcome', session: event.session, result: event.result }];
      }
      default:
        return this.#ruleOf(event);
    }
  }

  #ruleOf(event: SchedulerEvent): readonly Input[] {
    switch (event.type) {
      case 'node-joined':
      case 'node-capacity-changed': {
        const { capacity } = event;
        if (capacity.isSchedulable) this.#closed.delete(capacity.node);
        else this.#closed.add(capacity.node);
        return [{ type: 'tell', command: { type: 'update-node', capacity } }];
      }
      case 'priority-changed': {
        const { session, priority } = event;
        return [{ type: 'tell', command: { type: 'set-priority', session, priority } }];
      }
      case 'group-policy-set':
      case 'group-removed':
      case 'limits-set':
        return [{ type: 'rule', event }];
      case 'time-looked-at':
        return [{ type: 'looked' }];
      default:
        // What was decided, and what newer versions only say.
        return [];
    }
  }

  #queued(queued: QueuedSession, { turn }: TurnAbout): readonly Input[] {
    const { session, attempt } = queued;
    const isWaiting = this.#waiting.has(session);
    this.#waiting.set(session, queued.resourceGroup);
    const key = keyOf(session, attempt - 1);
    const run = this.#runs.get(key);
    if (run === undefined || isWaiting)
      return [{ type: 'tell', command: { type: 'queue', queued } }];
    run.again = { queued, atMs: this.#nowMs, turn };
    return [{ type: 'queued-again', key }];
  }

  #released(session: string, { turn, events }: TurnAbout): readonly Input[] {
    const running = this.#running.get(session);
    if (running === undefined) return [];
    this.#running.delete(session);
    const key = keyOf(session, running.attempt);
    const run = this.#runs.get(key);
    if (run === undefined) return [];
    run.end = { atMs: this.#nowMs, turn, isInTurn: isQueuedIn(events, session) };
    if (run.toldAtMs === undefined) this.#ranMs.set(session, this.#nowMs - run.placedAtMs);
    for (const event of events)
      if (event.type === 'dependency-ended' && event.session === session) run.result = event.result;
    return [{ type: 'ended', key }];
  }

  #preempted(
    event: Extract<SchedulerEvent, { readonly type: 'session-preempted' }>,
  ): readonly Input[] {
    const { session, attempt, mode, reason } = event;
    const run = this.#runs.get(keyOf(session, attempt));
    if (run !== undefined) run.toldAtMs = this.#nowMs;
    if (reason === 'preempted') return [];
    const nodes = this.#running.get(session)?.nodes ?? [];
    const closed = [...new Set(nodes)].filter((node) => this.#closed.has(node));
    return closed.map((node) => ({ type: 'tell', command: { type: 'evict', node, mode } }));
  }

  recording(): Recording {
    return {
      fromMs: this.#fromMs,
      toMs: this.#toMs,
      before: this.#before,
      slots: this.#slots,
      turns: this.#turns,
      runs: this.#runs,
      ranMs: this.#ranMs,
      outcomes: this.#outcomes,
      placements: this.#placements,
    };
  }
}

interface TurnAbout {
  readonly turn: number;
  readonly events: readonly SchedulerEvent[];
}

function isQueuedIn(events: readonly SchedulerEvent[], session: string): boolean {
  return events.some((one) => one.type === 'session-queued' && one.queued.session === session);
}

/** A state that knows the names of these slots. */
export function stateKnowing(slots: readonly Slots[]): SchedulerState {
  const state = emptyState();
  relearn(state, slots);
  return state;
}
