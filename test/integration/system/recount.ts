import { type Bus, type OwnerLimits, SCHEDULER_ID, SchedulerEvent, toAmounts } from '@orrery/bus';

const DAY_MS = 86_400_000;
type Sums = Map<string, bigint>;

interface Known {
  readonly owners: readonly string[];
  readonly group: string;
  readonly user: string;
  readonly project: string;
  readonly domain: string;
}

interface Holding {
  readonly fromMs: number;
  readonly slots: Sums;
}

/**
 * The scheduler's log counted by hand, with nothing of the scheduler or of the projections: what is held by
 * whom, whether a placement passed a limit that was in force then, and for how long slots were held.
 * Amounts are thousandths; owners are `scope:key`.
 */
export class Recount {
  readonly #sessions = new Map<string, Known>();
  readonly #limits = new Map<string, OwnerLimits>();
  readonly #holding = new Map<string, Holding>();
  readonly #waiting = new Set<string>();
  /** Placements after which an owner held more than the limit in force. */
  readonly violations: string[] = [];
  /** By `day|domain|project|user|group|slot`: thousandths of slot times milliseconds. */
  readonly time: Sums = new Map();
  placements = 0;
  limitChanges = 0;

  static async of(bus: Bus): Promise<Recount> {
    const recount = new Recount();
    for await (const { events, recordedAtMs } of bus.log.read('scheduler', SCHEDULER_ID))
      for (const event of events) recount.#take(SchedulerEvent.parse(event), recordedAtMs);
    return recount;
  }

  /** What is held under an owner or a group, in each slot; nothing of what is not held. */
  held(owner: string): Readonly<Record<string, bigint>> {
    const sums: Sums = new Map();
    for (const [session, { slots }] of this.#holding) {
      if (!this.#under(session, owner)) continue;
      for (const [slot, amount] of slots) add(sums, slot, amount);
    }
    return Object.fromEntries(sums);
  }

  sessionsOf(owner: string): readonly string[] {
    return [...this.#holding.keys()].filter((session) => this.#under(session, owner));
  }

  waitingOf(owner: string): number {
    return [...this.#waiting].filter((session) => this.#under(session, owner)).length;
  }

  #under(session: string, owner: string): boolean {
    return this.#sessions.get(session)?.owners.includes(owner) === true;
  }

  #take(event: SchedulerEvent, recordedAtMs: number): void {
    switch (event.type) {
      case 'session-queued': {
        const { session, owner, resourceGroup: group } = event.queued;
        const { userId: user, projectId: project, domain, accessKey = '' } = owner;
        const owners = [
          `keypair:${accessKey}`,
          `user:${user}`,
          `project:${project}`,
          `domain:${domain}`,
          `group:${group}`,
        ];
        this.#sessions.set(session, { owners, group, user, project, domain });
        this.#waiting.add(session);
        return;
      }
      case 'session-placed': {
        const slots: Sums = new Map();
        for (const placement of event.placements)
          for (const [slot, amount] of Object.entries(toAmounts(placement.slots)))
            add(slots, slot, amount);
        this.#waiting.delete(event.session);
        this.#holding.set(event.session, { slots, fromMs: event.atMs ?? recordedAtMs });
        this.placements += 1;
        this.#check(event.session);
        return;
      }
      case 'allocation-released':
        this.#release(event.session, event.atMs ?? recordedAtMs);
        return;
      case 'session-dequeued':
      case 'session-given-up':
        this.#waiting.delete(event.session);
        return;
      case 'limits-set':
        this.limitChanges += 1;
        if (event.limits === null) this.#limits.delete(`${event.scope}:${event.key}`);
        else this.#limits.set(`${event.scope}:${event.key}`, event.limits);
        return;
      default:
        return;
    }
  }

  #check(session: string): void {
    for (const owner of this.#sessions.get(session)?.owners ?? []) {
      const limits = this.#limits.get(owner);
      if (limits === undefined) continue;
      const held = this.held(owner);
      for (const [slot, most] of Object.entries(toAmounts(limits.total ?? {})))
        if ((held[slot] ?? 0n) > most)
          this.violations.push(`${owner} holds ${held[slot]} of ${most} ${slot} with ${session}`);
      const { concurrentSessionsMax: most = 0 } = limits;
      if (most > 0 && this.sessionsOf(owner).length > most)
        this.violations.push(`${owner} has more than ${most} sessions with ${session}`);
    }
  }

  #release(session: string, atMs: number): void {
    const holding = this.#holding.get(session);
    const known = this.#sessions.get(session);
    this.#holding.delete(session);
    if (holding === undefined || known === undefined) return;
    const { domain, project, user, group } = known;
    let fromMs = holding.fromMs;
    while (fromMs < atMs) {
      const day = Math.floor(fromMs / DAY_MS);
      const untilMs = Math.min(atMs, (day + 1) * DAY_MS);
      const date = new Date(day * DAY_MS).toISOString().slice(0, 10);
      for (const [slot, amount] of holding.slots)
        add(
          this.time,
          [date, domain, project, user, group, slot].join('|'),
          amount * BigInt(Math.trunc(untilMs) - Math.trunc(fromMs)),
        );
      fromMs = untilMs;
    }
  }
}

function add(sums: Sums, key: string, amount: bigint): void {
  sums.set(key, (sums.get(key) ?? 0n) + amount);
}

/** Decimal text with at most six decimals, in millionths: what thousandths times milliseconds are in seconds. */
export function millionths(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  if (fraction.length > 6) throw new Error(`${text} has more than six decimals`);
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}
