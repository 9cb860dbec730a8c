import { KernelWish, type Logger, type ReceivedWish, withSpan } from '@orrery/bus';
import type { ContainerExit } from './container-driver.ts';
import type { KernelWork } from './kernel-work.ts';
import type { Reporter } from './reporter.ts';
import type { WishCheckpoint } from './wish-checkpoint.ts';
import type { Tellings, WishJob } from './wish-job.ts';

/** Wishes that are carried out side by side. */
const WISHES_AT_ONCE_MAX = 256;
/** Wishes that wait here; above this the inbox is not read on. */
const WISHES_WAITING_MAX = 10_000;

type Job =
  | ({ readonly kind: 'wish' } & WishJob)
  | { readonly kind: 'exited'; readonly exit: ContainerExit }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'look' };

interface Lane {
  readonly jobs: Job[];
  current?: { readonly job: Job; readonly abort: AbortController } | undefined;
  readonly idle: PromiseWithResolvers<void>;
}

/** One job of a kernel at a time, different kernels side by side; a wish to be gone goes before all else. */
export class KernelDesk {
  readonly #work: KernelWork;
  readonly #reporter: Reporter;
  readonly #checkpoint: WishCheckpoint;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  readonly #lanes = new Map<string, Lane>();
  readonly #waitingForSlot: (() => void)[] = [];
  #slotsFree = WISHES_AT_ONCE_MAX;
  #wishesWaiting = 0;
  #roomMade = Promise.withResolvers<void>();

  constructor(options: {
    readonly work: KernelWork;
    readonly reporter: Reporter;
    readonly checkpoint: WishCheckpoint;
    readonly logger: Logger;
    /** Ends the work where it stands; what was not done is done by the next agent. */
    readonly signal: AbortSignal;
  }) {
    this.#work = options.work;
    this.#reporter = options.reporter;
    this.#checkpoint = options.checkpoint;
    this.#logger = options.logger;
    this.#signal = options.signal;
  }

  /** Resolves when there is room for more. */
  async take(received: ReceivedWish): Promise<void> {
    const { sequence, traceparent } = received;
    this.#checkpoint.begin(sequence);
    const parsed = KernelWish.safeParse(received.wish);
    if (!parsed.success) {
      this.#logger.error({ err: parsed.error, sequence }, 'a wish is not what its contract says');
      this.#checkpoint.finish(sequence);
      return;
    }
    const wish = parsed.data;
    const kernel = 'spec' in wish ? wish.spec.kernel : wish.kernel;
    const lane = this.#lanes.get(kernel);
    if (lane !== undefined && wish.shall === 'report' && this.#answeredAtOnce(lane, received, wish))
      return;
    if (lane !== undefined && wish.shall === 'be-gone') this.#supersede(lane, wish);
    this.#wishesWaiting += 1;
    this.#push(kernel, { kind: 'wish', wish, sequence, traceparent });
    while (this.#wishesWaiting > WISHES_WAITING_MAX && !this.#signal.aborted)
      await this.#roomMade.promise;
  }

  exited(kernel: string, exit: ContainerExit): void {
    this.#push(kernel, { kind: 'exited', exit });
  }

  timedOut(kernel: string): void {
    this.#push(kernel, { kind: 'timed-out' });
  }

  look(kernel: string): void {
    this.#push(kernel, { kind: 'look' });
  }

  /** Resolves when nothing is being done about the kernel. */
  async settled(kernel: string): Promise<void> {
    await this.#lanes.get(kernel)?.idle.promise;
  }

  async allSettled(): Promise<void> {
    while (this.#lanes.size > 0)
      await Promise.all([...this.#lanes.values()].map(({ idle }) => idle.promise));
  }

  /** While an image comes, a question about it need not wait for its end. */
  #answeredAtOnce(
    lane: Lane,
    { sequence, traceparent }: ReceivedWish,
    wish: Extract<KernelWish, { readonly shall: 'report' }>,
  ): boolean {
    const { kernel, session, revision: wishRevision } = wish;
    const report = lane.current === undefined ? undefined : this.#work.findInterim(kernel);
    if (report === undefined) return false;
    const cause = String(sequence);
    this.#reporter.report({ kernel, session, wishRevision, report, cause, traceparent }).then(
      () => this.#checkpoint.finish(sequence),
      // This agent ends; the next one answers.
      () => undefined,
    );
    return true;
  }

  /** What an older wish wanted is of no use any more, whether it waits or is in work. */
  #supersede(lane: Lane, { revision }: KernelWish): void {
    const isOlder = (job: Job): boolean => job.kind === 'wish' && job.wish.revision < revision;
    for (const job of lane.jobs.filter(isOlder)) {
      lane.jobs.splice(lane.jobs.indexOf(job), 1);
      this.#finish(job);
    }
    const { current } = lane;
    if (current !== undefined && isOlder(current.job))
      current.abort.abort(new Error('a newer wish came'));
  }

  #push(kernel: string, job: Job): void {
    let lane = this.#lanes.get(kernel);
    if (lane !== undefined) {
      lane.jobs.push(job);
      return;
    }
    lane = { jobs: [job], idle: Promise.withResolvers() };
    this.#lanes.set(kernel, lane);
    void this.#run(kernel, lane);
  }

  async #run(kernel: string, lane: Lane): Promise<void> {
    for (let job = lane.jobs.shift(); job !== undefined; job = lane.jobs.shift()) {
      const abort = new AbortController();
      lane.current = { job, abort };
      const signal = AbortSignal.any([abort.signal, this.#signal]);
      const isWish = job.kind === 'wish';
      let tellings: Tellings = [];
      if (isWish) await this.#takeSlot();
      try {
        if (!signal.aborted) tellings = await this.#carryOut(kernel, job, signal);
      } catch (err) {
        if (!signal.aborted) this.#logger.error({ err, kernel, job: job.kind }, 'a job failed');
      } finally {
        if (isWish) this.#giveSlot();
      }
      this.#finishWith(job, tellings);
    }
    this.#lanes.delete(kernel);
    lane.idle.resolve();
  }

  async #carryOut(kernel: string, job: Job, signal: AbortSignal): Promise<Tellings> {
    switch (job.kind) {
      case 'wish': {
        const { wish, traceparent } = job;
        const attributes = { 'orrery.kernel': kernel, 'orrery.wish.revision': wish.revision };
        return withSpan(`agent ${wish.shall}`, { traceparent, attributes, kind: 'consumer' }, () =>
          this.#work.wish(job, signal),
        );
      }
      case 'exited':
        await this.#work.exited(kernel, job.exit, signal);
        return [];
      case 'timed-out':
        await this.#work.timedOut(kernel, signal);
        return [];
      case 'look':
        await this.#work.look(kernel, signal);
        return [];
    }
  }

  /** The next job does not wait for what is still being told; the checkpoint does. */
  #finishWith(job: Job, tellings: Tellings): void {
    if (tellings.length === 0) {
      this.#finish(job);
      return;
    }
    Promise.all(tellings).then(
      () => this.#finish(job),
      // This agent ends; the next one tells.
      () => undefined,
    );
  }

  /** A wish that this agent's end interrupted is not done. */
  #finish(job: Job): void {
    if (job.kind !== 'wish') return;
    this.#wishesWaiting -= 1;
    this.#roomMade.resolve();
    this.#roomMade = Promise.withResolvers();
    if (!this.#signal.aborted) this.#checkpoint.finish(job.sequence);
  }

  async #takeSlot(): Promise<void> {
    if (this.#slotsFree > 0) {
      this.#slotsFree -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waitingForSlot.push(resolve));
  }

  #giveSlot(): void {
    const next = this.#waitingForSlot.shift();
    if (next === undefined) this.#slotsFree += 1;
    else next();
  }
}
