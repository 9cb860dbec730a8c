import { type Bus, BusUnavailable, type Clock } from '@orrery/bus';

export interface ProcessParts {
  readonly bus: Bus;
  readonly clock: Clock;
  /** Told before a call to the bus and after its answer: whoever is told may kill this process right there. */
  readonly onCall: () => void;
}

/** Answered here, without the bus. */
const LOCAL = new Set<PropertyKey>(['partitionOf']);
/** Sent without an answer. */
const SENT = new Set<PropertyKey>(['reply', 'decline', 'publish']);
/** Answered with one thing after the other. */
const STREAMED = new Set<PropertyKey>([
  'follow',
  'listen',
  'read',
  'readMessages',
  'watch',
  'subscribe',
]);

/**
 * One process of the simulated cluster: what its code sees as the bus and the clock, and what can happen to
 * it. It may die at any await, be stopped as by SIGSTOP and go on later as if nothing had been, or be cut
 * off from the bus while it runs on.
 */
export class SimulatedProcess {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly #parts: ProcessParts;
  readonly #death = new AbortController();
  #stopped: PromiseWithResolvers<void> | undefined;
  #cutOff: PromiseWithResolvers<void> | undefined;

  constructor(parts: ProcessParts) {
    this.#parts = parts;
    this.bus = this.#guarded(parts.bus);
    this.clock = {
      nowMs: () => parts.clock.nowMs(),
      sleep: (delayMs, signal) => this.#awake(parts.clock.sleep(delayMs, signal)),
    };
  }

  /** Fires when it dies. */
  get signal(): AbortSignal {
    return this.#death.signal;
  }

  get isDead(): boolean {
    return this.#death.signal.aborted;
  }

  die(): void {
    if (this.isDead) return;
    void this.#parts.bus[Symbol.asyncDispose]();
    this.#death.abort(DEAD);
    this.goOn();
    this.connect();
  }

  stop(): void {
    if (!this.isDead) this.#stopped ??= Promise.withResolvers<void>();
  }

  goOn(): void {
    const stopped = this.#stopped;
    this.#stopped = undefined;
    stopped?.resolve();
  }

  cutOff(): void {
    if (!this.isDead) this.#cutOff ??= Promise.withResolvers<void>();
  }

  connect(): void {
    const cutOff = this.#cutOff;
    this.#cutOff = undefined;
    cutOff?.resolve();
  }

  /** The same object, whose functions reach the bus only as this process stands. */
  #guarded<Target extends object>(target: Target): Target {
    const guarded = Reflect.ownKeys(target).map((name): readonly [PropertyKey, unknown] => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value === 'function' && !LOCAL.has(name)) {
        const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
        return [name, (...args: unknown[]) => this.#call(name, () => call(...args))];
      }
      return [name, typeof value === 'object' && value !== null ? this.#guarded(value) : value];
    });
    // The names are the target's own and the functions take and give the same.
    return Object.fromEntries(guarded) as Target;
  }

  #call(name: PropertyKey, call: () => unknown): unknown {
    this.#parts.onCall();
    if (SENT.has(name)) return this.#cutOff === undefined ? call() : undefined;
    const answer = STREAMED.has(name) || this.#cutOff === undefined ? call() : undefined;
    if (isAsyncIterable(answer)) return this.#arriving(answer);
    if (answer === undefined) return Promise.reject(new BusUnavailable('be reached'));
    return this.#awake(Promise.resolve(answer)).finally(this.#parts.onCall);
  }

  /** What was asked for arrives when the process runs. */
  async #awake<Value>(answer: Promise<Value>): Promise<Value> {
    try {
      return await answer;
    } finally {
      while (this.#stopped !== undefined) await this.#stopped.promise;
    }
  }

  async *#arriving(items: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    for await (const item of items) {
      while (this.#stopped !== undefined || this.#cutOff !== undefined)
        await (this.#stopped ?? this.#cutOff)?.promise;
      yield item;
    }
  }
}

const DEAD = new Error('the process is dead');

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
