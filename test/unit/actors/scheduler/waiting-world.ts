import {
  derivedId,
  type GroupPolicy,
  type HoldReason,
  type OwnerLimits,
  type QueuedSession,
  type SchedulerCommand,
  type SchedulerEvent,
  type StartForecast,
  type StartSuggestion,
} from '@orrery/bus';
import { decide } from '../../../../actors/scheduler/decide.ts';
import { conclude } from '../../../../actors/scheduler/pass.ts';
import { emptyState, type SchedulerState } from '../../../../actors/scheduler/state.ts';

export const MINUTE_MS = 60_000;
const GIB = 2 ** 30;
/** Not zero, which would be no time at all. */
const BEGIN_MS = 1_760_000_000_000;

/** What a session asks for; the names of slots are those of the log but for `gib`, memory in GiB. */
export interface Ask {
  readonly cpu?: number;
  readonly gib?: number;
  readonly gpu?: number;
  readonly rocm?: number;
  /** Kernels, each asking for as much. */
  readonly kernels?: number;
  readonly user?: string;
  readonly project?: string;
  readonly group?: string;
  /** A batch timeout or lifetime. */
  readonly minutes?: number;
  readonly more?: Partial<QueuedSession>;
}

/** What is told of a session that waits. */
export interface Told {
  readonly reason: HoldReason;
  readonly forecast: StartForecast;
  /** Minutes from now; undefined when no start is foretold. */
  readonly startsInMinutes: number | undefined;
  readonly suggestions: readonly string[];
}

/** The real scheduler actor, fold and decision, with a clock in minutes. */
export class WaitingWorld {
  readonly state: SchedulerState = emptyState();
  readonly events: SchedulerEvent[] = [];
  readonly #asked = new Map<string, QueuedSession>();
  #minutes = 0;

  get nowMs(): number {
    return BEGIN_MS + this.#minutes * MINUTE_MS;
  }

  passMinutes(minutes: number): this {
    this.#minutes += minutes;
    return this;
  }

  /** One turn of the actor. */
  turn(...commands: readonly SchedulerCommand[]): readonly SchedulerEvent[] {
    const { nowMs, state } = this;
    const events = commands.flatMap((command) => {
      const decision = decide(state, command, { nowMs });
      if (!decision.ok) throw new Error(`${decision.error.code}: ${decision.error.message}`);
      return decision.value.events;
    });
    for (let isMore = true; isMore; ) {
      const conclusion = conclude(state, events, nowMs);
      events.push(...conclusion.events);
      ({ isMore } = conclusion);
    }
    this.events.push(...events);
    return events;
  }

  agent(
    node: string,
    { cpu = 4, gib = 16, gpu = 0, rocm = 0 }: Ask = {},
    more: Partial<Extract<SchedulerCommand, { type: 'update-node' }>['capacity']> = {},
  ): this {
    const capacity = {
      node,
      resourceGroup: 'default',
      architecture: 'x86_64',
      slots: slotsOf({ cpu, gib, gpu, rocm }),
      isSchedulable: true,
      ...more,
    };
    this.turn({ type: 'update-node', capacity });
    return this;
  }

  policy(policy: Partial<GroupPolicy>, group = 'default'): this {
    this.turn({ type: 'set-group', group, policy });
    return this;
  }

  limits(scope: 'keypair' | 'user' | 'project' | 'domain', key: string, limits: OwnerLimits): this {
    this.turn({ type: 'set-limits', scope, key, limits });
    return this;
  }

  session(name: string, ask: Ask = {}): this {
    this.ask(this.queuedOf(name, ask));
    return this;
  }

  ask(queued: QueuedSession): void {
    this.#asked.set(queued.session, queued);
    this.turn({ type: 'queue', queued });
  }

  end(name: string): this {
    const session = derivedId(name);
    this.turn({ type: 'release', session, attempt: 9, result: 'success' });
    return this;
  }

  isPlaced(name: string): boolean {
    return this.state.allocations.has(derivedId(name));
  }

  /** Asks as `session why` does, and what the event says. */
  why(name: string): Told {
    this.state.foretellsAgainAtMs = 0;
    const events = this.turn({ type: 'foretell', session: derivedId(name) });
    const told = events.find((event) => event.type === 'start-foretold');
    if (told?.reason === undefined) throw new Error(`nothing is told of ${name}`);
    const { reason, forecast } = told;
    const { startsAtMs, suggestions } = forecast;
    return {
      reason,
      forecast,
      startsInMinutes:
        startsAtMs === undefined ? undefined : Math.round((startsAtMs - this.nowMs) / MINUTE_MS),
      suggestions: suggestions.map(({ message }) => message),
    };
  }

  /** Ends the session and asks for it again as was suggested. @returns whether that is placed at once. */
  doesStart(name: string, suggestion: StartSuggestion): boolean {
    const before = this.#asked.get(derivedId(name));
    if (before === undefined) throw new Error(`there is no session ${name}`);
    this.end(name);
    const again = `${name}, ${suggestion.message}`;
    this.ask(asSuggested(before, suggestion, again));
    return this.isPlaced(again);
  }

  queuedOf(name: string, ask: Ask): QueuedSession {
    const { kernels = 1, user = 'ann', project = 'lab', group = 'default', minutes } = ask;
    return {
      session: derivedId(name),
      attempt: 1,
      resourceGroup: group,
      clusterMode: kernels === 1 ? 'single-node' : 'multi-node',
      priority: 10,
      owner: { userId: user, projectId: project, domain: 'default', accessKey: user.toUpperCase() },
      kernels: Array.from({ length: kernels }, (_, index) => ({
        kernel: derivedId(name, `kernel ${index}`),
        slots: slotsOf(ask),
      })),
      ...(minutes === undefined ? {} : { runsAtMostMs: minutes * MINUTE_MS }),
      ...ask.more,
    };
  }
}

function slotsOf({ cpu = 1, gib = 1, gpu = 0, rocm = 0 }: Ask): Record<string, string> {
  return {
    cpu: String(cpu),
    mem: String(gib * GIB),
    ...(gpu === 0 ? {} : { 'cuda.device': String(gpu) }),
    ...(rocm === 0 ? {} : { 'rocm.device': String(rocm) }),
  };
}

/** The request with what the suggestion changes. */
function asSuggested(
  before: QueuedSession,
  { change, resourceGroup, clusterMode, kernels, runsAtMostMs }: StartSuggestion,
  name: string,
): QueuedSession {
  const { designated, queuedAtMs: _, ...request } = before;
  const slots = kernels ?? before.kernels.map((kernel) => kernel.slots);
  return {
    ...request,
    session: derivedId(name),
    ...(designated === undefined || change === 'any-agent' ? {} : { designated }),
    ...(resourceGroup === undefined ? {} : { resourceGroup }),
    ...(clusterMode === undefined ? {} : { clusterMode }),
    ...(runsAtMostMs === undefined ? {} : { runsAtMostMs }),
    kernels: slots.map((each, index) => ({ kernel: derivedId(name, `${index}`), slots: each })),
  };
}
