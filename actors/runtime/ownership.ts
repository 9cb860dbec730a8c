import {
  type Clock,
  type KeyChange,
  type KeyValues,
  type Logger,
  newId,
  OrreryError,
} from '@orrery/bus';
import {
  type Holder,
  type Lease,
  type LeaseTerms,
  parseHolder,
  renewLease,
  takeLease,
} from './lease.ts';
import { LeaseTime } from './lease-time.ts';
import { ownerOf } from './rendezvous.ts';
import { isPassing } from './speaking.ts';

/** Renewals that a lease lasts for. */
const RENEWALS_PER_LEASE = 3;
/** A host whose end was not heard, because the bus was away, counts as gone after this many leases. */
const SILENT_LEASES_MAX = 2;

const PREFIX = 'control';
const HOSTS = `${PREFIX}.host.`;
const LEASES = `${PREFIX}.lease.`;

/** The time for which a host does something alone. */
export interface Tenure {
  /** Fires when it is over or to be ended: what is under way may be finished, nothing may be begun. */
  readonly signal: AbortSignal;
  /** False as soon as another host may do it: then nothing may be written any more. */
  isHeld(): boolean;
  /**
   * What is to be done here is beyond this host: it leaves all its duties to the other hosts, and is none of
   * them any more. Where there is no other it stays, and what it cannot do waits.
   */
  resign(why: string): void;
}

/** What one host only may do at a time; resolves when its tenure is over and nothing is under way. */
export type Duty = (tenure: Tenure) => Promise<void>;

export interface OwnershipOptions {
  readonly config: KeyValues;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this host among those of the cluster. */
  readonly host: string;
  readonly leaseMs: number;
  readonly duties: ReadonlyMap<string, Duty>;
  /** Which process of the host's name this is: later ones have higher ids. Default: by time. */
  readonly instance?: string | undefined;
}

export interface Ownership {
  /** Resolves when this host is among the living and has asked for what is its own. */
  readonly joined: Promise<void>;
  /** Resolves when the signal has fired and every duty was handed over. @throws {HostReplaced} */
  readonly done: Promise<void>;
  held(): readonly string[];
  /** Why this host does nothing any more, if it has resigned. */
  resignation(): string | undefined;
}

export class HostReplaced extends OrreryError {
  override readonly name = 'HostReplaced';
  readonly code = 'control.host-replaced';
  readonly isRetryable = false;

  constructor(host: string) {
    super(`a process that started later is the host ${host} now`);
  }
}

/**
 * Shares the duties with the other hosts: each has a lease, and belongs to the host that weighs most for
 * it. What belongs to another host is given up at once: it is finished, then its lease is deleted, and the
 * other host hears that. The leases of a host that died end by themselves.
 */
export function startOwnership(options: OwnershipOptions, signal: AbortSignal): Ownership {
  const ownership = new SharedDuties(options);
  return {
    joined: ownership.joined,
    done: ownership.run(signal),
    held: () => ownership.held(),
    resignation: () => ownership.resignation,
  };
}

interface Holding {
  readonly lease: Lease;
  readonly ending: AbortController;
  readonly work: Promise<void>;
  renewal: Promise<void>;
  state: 'held' | 'ending' | 'lost';
  isOver: boolean;
}

class SharedDuties {
  readonly #options: OwnershipOptions;
  readonly #holder: Holder;
  readonly #leaseTime: LeaseTime;
  /** The living hosts, with when each was heard of. */
  readonly #hosts = new Map<string, number>();
  /** The hosts that hold the leases, by duty. */
  readonly #holders = new Map<string, string>();
  readonly #holdings = new Map<string, Holding>();
  readonly #taking = new Set<string>();
  /** Lost, while what was begun has not ended: begun anew on top of that, it would have still less time. */
  readonly #ending = new Set<string>();
  /** Duties that ended here: asked for again with the next round, so that one that fails fails slowly. */
  readonly #resting = new Set<string>();
  /** Everything under way that must end before this host may. */
  readonly #pending = new Set<Promise<void>>();
  readonly #joined = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<never>();
  #presence: Lease | undefined;
  #showing = Promise.resolve();
  #isLeaving = false;
  readonly #resigned = new AbortController();
  resignation: string | undefined;

  constructor(options: OwnershipOptions) {
    this.#options = options;
    const { clock, host, leaseMs, instance = newId(clock.nowMs()) } = options;
    this.#holder = { host, instance };
    this.#leaseTime = new LeaseTime(clock, leaseMs);
  }

  get #terms(): LeaseTerms {
    const { config, clock } = this.#options;
    return { config, clock, holder: this.#holder, leaseMs: this.#leaseTime.ms };
  }

  get joined(): Promise<void> {
    return this.#joined.promise;
  }

  held(): readonly string[] {
    return [...this.#holdings.keys()];
  }

  async run(signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const parts = [this.#watch(ended.signal, signal), this.#keep(ended.signal)];
    const leaving = AbortSignal.any([signal, this.#resigned.signal]);
    const left = this.#leave(leaving).finally(() => ended.abort());
    try {
      await Promise.race([this.#failed.promise, Promise.all([left, ...parts])]);
      // One that has resigned goes on beside the others, for whoever asks it why.
      await fired(signal);
    } finally {
      this.#isLeaving = true;
      ended.abort();
      for (const holding of this.#holdings.values()) holding.ending.abort();
    }
  }

  /** Hears which hosts live and which leases are held. */
  async #watch(ended: AbortSignal, leaving: AbortSignal): Promise<void> {
    try {
      for await (const changes of this.#options.config.watch(PREFIX, ended)) {
        const news = changes.filter((change) => this.#note(change));
        if (news.length > 0) this.#review('what is free');
      }
    } catch (error) {
      // Whoever ends us may have closed the connection first.
      if (!leaving.aborted) throw error;
    }
  }

  /** True when it is more than a renewal. */
  #note({ key, value }: KeyChange): boolean {
    if (key.startsWith(HOSTS)) {
      const host = key.slice(HOSTS.length);
      const wasKnown = this.#hosts.has(host);
      if (value === undefined) this.#hosts.delete(host);
      else this.#hosts.set(host, this.#options.clock.nowMs());
      return this.#hosts.has(host) !== wasKnown;
    }
    const duty = key.slice(LEASES.length);
    const before = this.#holders.get(duty);
    const after = value === undefined ? undefined : parseHolder(value).host;
    if (after === undefined) this.#holders.delete(duty);
    else this.#holders.set(duty, after);
    return after !== before;
  }

  /** Keeps what is held, asks for what is missing, and lets go of what could not be kept. */
  async #keep(ended: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let isShowing = false;
    while (!ended.aborted) {
      this.#leaseTime.calmDown();
      for (const [duty, holding] of [...this.#holdings]) this.#renew(duty, holding);
      if (!this.#isLeaving && !isShowing) {
        isShowing = true;
        this.#showing = this.#own(
          this.#showPresence().finally(() => {
            isShowing = false;
          }),
        );
      }
      this.#resting.clear();
      this.#review('everything');
      if (!(await slept(clock, Math.floor(this.#leaseTime.ms / RENEWALS_PER_LEASE), ended))) return;
    }
  }

  #renew(duty: string, holding: Holding): void {
    const { lease } = holding;
    if (this.#options.clock.nowMs() >= lease.validUntilMs) {
      this.#lose(duty, holding);
      return;
    }
    const renew = async (): Promise<void> => {
      if (holding.state === 'lost') return;
      const isKept = await renewLease(this.#terms, lease);
      if (!isKept) this.#lose(duty, holding);
    };
    // One after the other: each needs the revision of the one before.
    holding.renewal = this.#own(holding.renewal.then(renew));
  }

  async #showPresence(): Promise<void> {
    const { config, host } = this.#options;
    const presence = this.#presence;
    if (presence !== undefined && (await renewLease(this.#terms, presence))) return;
    const key = `${HOSTS}${host}`;
    this.#presence = await takeLease(this.#terms, key);
    if (this.#presence !== undefined) return;
    const there = await config.get(key);
    if (there !== undefined && parseHolder(there.value).instance > this.#holder.instance)
      throw new HostReplaced(host);
  }

  /** Brings what is held to what belongs here. */
  #review(extent: 'what is free' | 'everything'): void {
    const { host, duties } = this.#options;
    const hosts = this.#isLeaving ? [] : this.#livingHosts();
    // Whoever does not see itself sees too little, or is seen as gone by the others.
    const isIn = hosts.includes(host);
    for (const duty of duties.keys()) {
      const holding = this.#holdings.get(duty);
      const isOwn = isIn && ownerOf(duty, hosts) === host;
      if (holding !== undefined) {
        if (!isOwn && holding.state === 'held') void this.#own(this.#giveUp(duty, holding));
      } else if (isOwn && !this.#taking.has(duty) && !this.#ending.has(duty)) {
        const holder = this.#holders.get(duty);
        const isFree = holder === undefined || holder === host;
        if (extent === 'everything' || (isFree && !this.#resting.has(duty)))
          void this.#own(this.#take(duty));
      }
    }
    if (isIn) this.#joined.resolve();
  }

  #livingHosts(): readonly string[] {
    const heardSinceMs = this.#options.clock.nowMs() - SILENT_LEASES_MAX * this.#leaseTime.ms;
    return [...this.#hosts].filter(([, heardMs]) => heardMs > heardSinceMs).map(([name]) => name);
  }

  async #take(duty: string): Promise<void> {
    this.#taking.add(duty);
    let lease: Lease | undefined;
    try {
      lease = await takeLease(this.#terms, `${LEASES}${duty}`);
    } finally {
      this.#taking.delete(duty);
    }
    // Who was refused asks again when something is heard, or with the next round.
    if (lease === undefined) return;
    this.#begin(duty, lease);
    // What belongs here may have changed meanwhile.
    this.#review('what is free');
  }

  #begin(duty: string, lease: Lease): void {
    const { clock, logger, duties } = this.#options;
    const ending = new AbortController();
    const begin = duties.get(duty);
    if (begin === undefined) return;
    const tenure: Tenure = {
      signal: ending.signal,
      isHeld: () => holding.state !== 'lost' && clock.nowMs() < lease.validUntilMs,
      resign: (why) => this.#resign(why),
    };
    const work = Promise.resolve().then(() => begin(tenure));
    const holding: Holding = {
      lease,
      ending,
      work,
      renewal: Promise.resolve(),
      state: 'held',
      isOver: false,
    };
    this.#holdings.set(duty, holding);
    void this.#own(this.#attend(duty, holding));
    logger.info({ duty }, 'a duty begins');
  }

  /** A duty that ended by itself is free for whoever asks next. */
  async #attend(duty: string, holding: Holding): Promise<void> {
    try {
      await holding.work;
    } finally {
      this.#resting.add(duty);
      holding.isOver = true;
      this.#ending.delete(duty);
      if (holding.state === 'held') await this.#giveUp(duty, holding);
    }
  }

  async #giveUp(duty: string, holding: Holding): Promise<void> {
    const { clock, config, logger } = this.#options;
    const sinceMs = clock.nowMs();
    holding.state = 'ending';
    holding.ending.abort();
    await holding.work.catch(() => undefined);
    // A renewal under way would make the deletion miss its revision.
    while (holding.state === 'ending') {
      const { renewal } = holding;
      await renewal;
      if (renewal === holding.renewal) break;
    }
    if (this.#holdings.get(duty) !== holding) return;
    this.#holdings.delete(duty);
    await config.delete(holding.lease.key, holding.lease.revision);
    logger.info({ duty, tookMs: clock.nowMs() - sinceMs }, 'a duty is handed over');
    this.#review('what is free');
  }

  #lose(duty: string, holding: Holding): void {
    holding.state = 'lost';
    holding.ending.abort();
    if (this.#holdings.get(duty) !== holding) return;
    this.#holdings.delete(duty);
    if (!holding.isOver) this.#ending.add(duty);
    const { logger } = this.#options;
    logger.warn({ duty }, 'the lease of a duty was not renewed in time');
    if (!this.#leaseTime.lost()) return;
    logger.warn({ leaseMs: this.#leaseTime.ms }, 'this host is slow: it asks for longer leases');
  }

  #resign(why: string): void {
    const { host, logger } = this.#options;
    const hasHeir = this.#livingHosts().some((name) => name !== host);
    if (this.#isLeaving || !hasHeir) return;
    this.resignation = why;
    logger.error({ why }, 'this host resigns: upgrade it');
    this.#resigned.abort();
  }

  /** Gives everything up once the signal fires. */
  async #leave(signal: AbortSignal): Promise<void> {
    await fired(signal);
    this.#isLeaving = true;
    const { config } = this.#options;
    const leaving = async (): Promise<void> => {
      await this.#showing;
      const presence = this.#presence;
      if (presence !== undefined) await config.delete(presence.key, presence.revision);
    };
    void this.#own(leaving());
    this.#review('everything');
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  /** What fails because the bus is away is tried again with the next round; a defect ends the host. */
  #own(work: Promise<void>): Promise<void> {
    const owned = work.catch((error: unknown) => {
      if (!isPassing(error)) this.#failed.reject(error);
      else if (!this.#isLeaving)
        this.#options.logger.warn({ err: error }, 'a lease waits for the bus');
    });
    this.#pending.add(owned);
    void owned.then(() => this.#pending.delete(owned));
    return owned;
  }
}

/** False when the wait was cut short, by the signal or because the clock itself has ended. */
function slept(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
  return clock.sleep(delayMs, signal).then(
    () => true,
    () => false,
  );
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
