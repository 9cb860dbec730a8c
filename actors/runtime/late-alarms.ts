import type { Bus, Clock } from '@orrery/bus';
import type { Logger } from 'pino';
import type { AnyAggregate } from './aggregate.ts';
import type { Tenure } from './ownership.ts';
import { dueAtMs, type Held, subjectKey } from './turn.ts';

/** An aggregate that comes to rest within this time needs no alarm on the bus at all. */
const DELAY_MS = 2_000;
/** An alarm that is set may ring this much later than the newest due time before it is moved. */
const LATENESS_MS = 45_000;
/** Alarms that are stored side by side. */
const AT_ONCE_MAX = 64;
const RETRY_MS = 500;

const CONTROL = { kind: 'system', id: 'control' } as const;

interface Owed {
  aggregate: AnyAggregate;
  held: Held;
  /** When it is stored at the latest. */
  readonly atMs: number;
  readonly waiting: (() => void)[];
}

/**
 * The alarms of one tenure. One is stored only when its aggregate is still under way a while later; until
 * then the commands behind it are not done (`whenSettled`), so that the checkpoint stays before them and
 * whoever comes after a crash meets them again and sees to the alarm.
 */
export class LateAlarms {
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tenure: Tenure;
  /** By aggregate, in the order of their times. */
  readonly #owed = new Map<string, Owed>();
  #sweeping: Promise<void> | undefined;

  constructor(options: {
    readonly bus: Bus;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly tenure: Tenure;
  }) {
    this.#bus = options.bus;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#tenure = options.tenure;
  }

  /** After each turn: sees to it that an alarm rings when the aggregate's phase is due. */
  note(aggregate: AnyAggregate, held: Held): void {
    const key = subjectKey(aggregate.name, held.id);
    if (this.#findDueMs(aggregate, held) === undefined) {
      this.#settle(key);
      return;
    }
    const owed = this.#owed.get(key);
    if (owed === undefined) {
      const atMs = this.#clock.nowMs() + DELAY_MS;
      this.#owed.set(key, { aggregate, held, atMs, waiting: [] });
      this.#sweeping ??= this.#sweep();
    } else owed.held = held;
  }

  /** Calls back when the aggregate's alarm lies on the bus, or it needs none. */
  whenSettled(key: string, callback: () => void): void {
    const owed = this.#owed.get(key);
    if (owed === undefined) callback();
    else owed.waiting.push(callback);
  }

  /** Stores what is owed while the tenure is held, so that an heir need not. */
  async flush(): Promise<void> {
    await this.#sweeping;
    if (this.#tenure.isHeld()) await this.#storeAll([...this.#owed.values()]);
  }

  /** When it must ring; undefined: it need not, or it will. */
  #findDueMs(aggregate: AnyAggregate, held: Held): number | undefined {
    const dueMs = dueAtMs(aggregate, held, this.#clock.nowMs());
    if (dueMs === undefined || !Number.isFinite(dueMs)) return undefined;
    const isMoment = aggregate.deadline(held.state)?.deadlineAtMs !== undefined;
    const latenessMs = isMoment ? 0 : LATENESS_MS;
    const isSet = held.alarmAtMs !== undefined && held.alarmAtMs <= dueMs + latenessMs;
    return isSet ? undefined : dueMs;
  }

  #settle(key: string): void {
    const owed = this.#owed.get(key);
    if (owed === undefined) return;
    this.#owed.delete(key);
    for (const callback of owed.waiting) callback();
  }

  async #sweep(): Promise<void> {
    const { signal } = this.#tenure;
    for (let [first] = this.#owed.values(); first !== undefined; [first] = this.#owed.values()) {
      const leftMs = first.atMs - this.#clock.nowMs();
      if (leftMs > 0) await this.#clock.sleep(leftMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      const nowMs = this.#clock.nowMs();
      const isLate = await this.#storeAll(
        [...this.#owed.values()].filter(({ atMs }) => atMs <= nowMs),
      );
      if (isLate) await this.#clock.sleep(RETRY_MS, signal).catch(() => undefined);
    }
    this.#sweeping = undefined;
  }

  /** Whether one could not be stored. */
  async #storeAll(all: readonly Owed[]): Promise<boolean> {
    const rest = all.values();
    let hasFailed = false;
    const lane = async (): Promise<void> => {
      for (const owed of rest) if (!(await this.#store(owed))) hasFailed = true;
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE_MAX, all.length) }, lane));
    return hasFailed;
  }

  async #store(owed: Owed): Promise<boolean> {
    const { aggregate, held } = owed;
    const dueMs = this.#findDueMs(aggregate, held);
    try {
      if (dueMs !== undefined) await this.#set(aggregate, held, dueMs);
    } catch (err) {
      this.#logger.warn(
        { err, aggregate: aggregate.name, id: held.id },
        'an alarm waits for the bus',
      );
      return false;
    }
    // What was learnt of the aggregate meanwhile may be due sooner.
    this.note(aggregate, owed.held);
    return true;
  }

  async #set(aggregate: AnyAggregate, held: Held, dueMs: number): Promise<void> {
    const envelope = {
      id: `alarm:${aggregate.name}:${held.id}:${dueMs}`,
      aggregate: aggregate.name,
      aggregateId: held.id,
      actor: CONTROL,
      sentAtMs: this.#clock.nowMs(),
      command: { type: 'pass-deadline', deadline: 'alarm' },
    };
    await this.#bus.alarms.set(envelope, dueMs);
    held.alarmAtMs = dueMs;
  }
}
