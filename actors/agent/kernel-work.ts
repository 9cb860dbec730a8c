import {
  type Clock,
  currentTraceparent,
  type KernelEndpoint,
  type KernelReport,
  type KernelSpec,
  type Logger,
} from '@orrery/bus';
import type { ContainerDriver, ContainerExit, KernelContainer } from './container-driver.ts';
import {
  type Action,
  decide,
  exitReport,
  failureReport,
  preparedReport,
  type Ran,
  ranUnseen,
  runningReport,
  VANISHED,
} from './decide.ts';
import { type ContainerFailure, ImageNotFound } from './errors.ts';
import type { KeptLogs } from './kept-logs.ts';
import { keepLog } from './kernel-log.ts';
import type { KernelEnd, KernelRecord } from './kernel-record.ts';
import type { KernelRecords } from './kernel-records.ts';
import { KernelStops } from './kernel-stops.ts';
import { KernelTimeouts } from './kernel-timeouts.ts';
import { LateContainers } from './late-containers.ts';
import type { NodeTroubles } from './node-troubles.ts';
import { awaitEngine, insist } from './persistence.ts';
import { PullNews } from './pull-news.ts';
import type { Reporter } from './reporter.ts';
import type { Tellings, WishJob } from './wish-job.ts';

/** An end is told at the latest after this time, also when the removal takes longer. */
const REMOVE_UNTOLD_MS_MAX = 10_000;
const TASK_TIMEOUT_GRACE_MS = 5_000;
const TASK_TIMEOUT = 'task-timeout';
/** Given as a reason so that none is made, with a stack, for every kernel. */
const REMOVED = new Error('the kernel is removed');

export interface KernelWorkOptions {
  readonly driver: ContainerDriver;
  readonly reporter: Reporter;
  readonly records: KernelRecords;
  /** Undefined: logs end with their containers. */
  readonly keptLogs: KeptLogs | undefined;
  readonly troubles?: NodeTroubles | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a kernel's program ran for as long as it may. */
  readonly onTimeout: (kernel: string) => void;
}

/** Carries out what is decided for one kernel, and tells what came of it. Called once a kernel at a time. */
export class KernelWork {
  readonly #options: KernelWorkOptions;
  /** Kernels that may have a container; of all others it is known that they have none. */
  readonly #there = new Set<string>();
  readonly #running = new Set<string>();
  readonly #pulling = new Map<string, KernelReport>();
  readonly #timeouts: KernelTimeouts;
  readonly #late: LateContainers;
  readonly #stops: KernelStops;

  constructor(options: KernelWorkOptions) {
    this.#options = options;
    this.#timeouts = new KernelTimeouts(options);
    this.#late = new LateContainers(options);
    this.#stops = new KernelStops(options);
  }

  /** Kernels whose program runs, as far as it was heard. */
  get running(): ReadonlySet<string> {
    return this.#running;
  }

  /** What can be said of a kernel while work on it goes on; undefined: better wait for its end. */
  findInterim(kernel: string): KernelReport | undefined {
    return this.#pulling.get(kernel);
  }

  /** From a list of all that there is. */
  meet(containers: readonly KernelContainer[]): void {
    for (const { kernel } of containers) this.#there.add(kernel);
  }

  /** A container was made: true when its kernel has to be looked at. */
  meetLate(kernel: string): boolean {
    return this.#late.meet(kernel);
  }

  async wish(job: WishJob, signal: AbortSignal): Promise<Tellings> {
    const { wish } = job;
    const { kernel, session } = 'spec' in wish ? wish.spec : wish;
    const record = this.#options.records.find(kernel);
    if (record !== undefined && wish.revision < record.revision) return [];
    const container = await this.#find(kernel, signal);
    const action = decide(wish, { record, container });
    if (action.action === 'ignore') return [];
    const isBeginning = action.action === 'prepare' || action.action === 'start';
    const kept = isBeginning ? undefined : record;
    const { sequence, traceparent = record?.traceparent } = job;
    this.#options.records.put(
      { phase: 'met', ...kept, kernel, session, revision: wish.revision, sequence, traceparent },
      'for-now',
    );
    const tellings: Promise<void>[] = [];
    await this.#act(action, { kernel, container, cause: String(job.sequence), tellings, signal });
    return tellings;
  }

  /** The engine says that it ended. */
  async exited(kernel: string, exit: ContainerExit, signal: AbortSignal): Promise<void> {
    const record = this.#options.records.find(kernel);
    if (record === undefined || record.phase === 'ended' || record.phase === 'gone') return;
    await this.#ended(exitReport(exit, record.stopReason), { kernel, cause: 'seen', signal });
  }

  async timedOut(kernel: string, signal: AbortSignal): Promise<void> {
    const record = this.#options.records.find(kernel);
    if (record?.phase !== 'running') return;
    this.#options.records.put({ ...record, stopReason: TASK_TIMEOUT }, 'kept');
    const exit = await this.#stops.stop({ kernel, graceMs: TASK_TIMEOUT_GRACE_MS }, signal);
    const end = exit === undefined ? VANISHED : exitReport(exit, TASK_TIMEOUT);
    await this.#ended(end, { kernel, cause: 'seen', signal });
  }

  /** Compares what is remembered with what is there, and tells what nobody was told yet. */
  async look(kernel: string, signal: AbortSignal): Promise<void> {
    if (this.#late.take(kernel)) this.#there.add(kernel);
    const container = await this.#find(kernel, signal);
    const record = this.#options.records.find(kernel) ?? this.#recall(container);
    if (record === undefined) return;
    const at = { kernel, cause: 'seen', signal };
    await this.#late.clear(container, record, signal);
    if (record.phase === 'gone') return;
    if (record.phase === 'ended') {
      if (record.end === undefined || (record.isTold === true && container === undefined)) return;
      await this.#ended(record.end, at);
      return;
    }
    switch (container?.state.phase) {
      case 'running':
        await this.#started(container, 'seen');
        return;
      case 'exited':
        await this.#ended(exitReport(container.state.exit, record.stopReason), at);
        return;
      case 'created':
        // Its wish was not done when the last agent ended, and comes again.
        return;
      default:
        if (record.phase === 'running') await this.#ended(VANISHED, at);
    }
  }

  [Symbol.dispose](): void {
    this.#timeouts[Symbol.dispose]();
  }

  async #act(action: Exclude<Action, { readonly action: 'ignore' }>, at: At): Promise<void> {
    switch (action.action) {
      case 'report':
        await this.#answer(action.report, at);
        return;
      case 'prepare':
        await this.#trying('prepare', at, async () => {
          const endpoint = await this.#prepare(action.spec, at);
          await this.#tell(at.kernel, preparedReport(endpoint), at.cause);
        });
        return;
      case 'start':
        await this.#trying('create', at, () => this.#start(action.spec, at));
        return;
      case 'stop':
        await this.#stop(action, at);
        return;
      case 'clear':
        await this.#clear(action.report, at);
    }
  }

  async #answer(report: KernelReport, at: At): Promise<void> {
    const { kernel, container, cause } = at;
    const isEnd = report.state === 'exited' || report.state === 'failed';
    const phase = this.#options.records.find(kernel)?.phase;
    if (isEnd && phase !== 'ended' && phase !== 'gone') await this.#ended(report, at);
    else if (report.state === 'running' && container !== undefined)
      await this.#started(container, cause);
    else await this.#tell(kernel, report, cause);
  }

  async #prepare(spec: KernelSpec, at: At): Promise<KernelEndpoint | undefined> {
    const { kernel, cause, signal } = at;
    const { clock, driver } = this.#options;
    using news = new PullNews(clock, (progress) => {
      const report = { state: 'pulling', progress } as const;
      this.#pulling.set(kernel, report);
      // Kept in order with what follows by the reporter; what follows waits for it there.
      this.#tell(kernel, report, cause).catch(() => undefined);
    });
    try {
      return await driver.prepare(spec, (progress) => news.take(progress), signal);
    } finally {
      this.#pulling.delete(kernel);
    }
  }

  async #start(spec: KernelSpec, at: At): Promise<void> {
    const { driver, records, keptLogs } = this.#options;
    const record = records.find(at.kernel);
    const origin = {
      wishRevision: record?.revision ?? 0,
      traceparent: currentTraceparent() ?? record?.traceparent,
    };
    await this.#prepare(spec, at);
    this.#there.add(at.kernel);
    if (keptLogs?.has(at.kernel)) await keptLogs.drop(at.kernel);
    let container: KernelContainer;
    try {
      container = await driver.start(spec, origin, at.signal);
    } catch (cause) {
      // The image went away between its preparation and now: once more, from there.
      if (!(cause instanceof ImageNotFound)) throw cause;
      await this.#prepare(spec, at);
      container = await driver.start(spec, origin, at.signal);
    }
    if (container.state.phase === 'exited')
      await this.#ended(exitReport(container.state.exit, record?.stopReason), {
        ...at,
        ran: ranUnseen(container, this.#options.clock.nowMs()),
      });
    else at.tellings.push(this.#started(container, at.cause));
  }

  async #started(container: KernelContainer, cause: string): Promise<void> {
    const { kernel, state, batchTimeoutMs } = container;
    if (state.phase !== 'running') return;
    const { records } = this.#options;
    const record = records.find(kernel);
    if (record !== undefined && record.phase !== 'running')
      records.put({ ...record, phase: 'running' }, 'kept');
    this.#running.add(kernel);
    if (batchTimeoutMs !== undefined)
      this.#timeouts.set(kernel, state.startedAtMs + batchTimeoutMs);
    await this.#tell(kernel, runningReport(container), cause);
  }

  async #stop(
    { graceMs, reason }: Extract<Action, { readonly action: 'stop' }>,
    at: At,
  ): Promise<void> {
    const { records } = this.#options;
    const { kernel } = at;
    const record = records.find(kernel);
    const stopReason = record?.stopReason ?? reason;
    if (record !== undefined) records.put({ ...record, stopReason }, 'kept');
    const exit = await this.#stops.stop({ kernel, graceMs }, at.signal);
    const seen = records.find(kernel)?.end;
    const end = seen ?? (exit === undefined ? VANISHED : exitReport(exit, stopReason));
    await this.#clear(end, at);
  }

  async #clear(report: KernelReport, at: At): Promise<void> {
    const { kernel } = at;
    const { records } = this.#options;
    const end = report.state === 'exited' || report.state === 'failed' ? report : undefined;
    const record = records.find(kernel);
    if (record !== undefined && record.phase !== 'gone')
      records.put({ ...record, phase: 'ended', end }, 'kept');
    this.#over(kernel);
    await this.#removeAndTell(report, at);
    const told = records.find(kernel);
    if (told !== undefined) records.put({ ...told, phase: 'gone', end }, 'kept');
  }

  /** It ended by itself. What could not be started has nothing to be removed. */
  async #ended(end: KernelEnd, at: End): Promise<void> {
    const { kernel, cause, ran } = at;
    const { records } = this.#options;
    const record = records.find(kernel);
    if (record !== undefined && (record.phase !== 'ended' || record.end === undefined))
      records.put({ ...record, phase: 'ended', end }, 'kept');
    this.#over(kernel);
    if (end.state === 'failed') {
      await this.#tell(kernel, end, cause);
      return;
    }
    const isTold = await this.#removeAndTell(ran === undefined ? end : { ...end, ran }, at);
    const told = records.find(kernel);
    if (isTold && told !== undefined) records.put({ ...told, isTold }, 'kept');
  }

  /**
   * Nothing of it is left when its end is told, as far as the engine lets us: true when that was told. Its
   * log is kept before.
   */
  async #removeAndTell(report: KernelReport, { kernel, cause, signal }: End): Promise<boolean> {
    let isRemoved = false;
    const removing = this.#remove(kernel, report, signal).then(() => {
      isRemoved = true;
    });
    removing.catch(() => undefined);
    const done = new AbortController();
    const ended = AbortSignal.any([done.signal, signal]);
    const late = this.#options.clock.sleep(REMOVE_UNTOLD_MS_MAX, ended);
    await Promise.race([removing, late]).finally(() => done.abort(REMOVED));
    const isTold = isRemoved && report.state === 'exited';
    await this.#tell(kernel, isTold ? { ...report, isRemoved } : report, cause);
    await removing;
    this.#there.delete(kernel);
    return isTold;
  }

  async #remove(kernel: string, report: KernelReport, signal: AbortSignal): Promise<void> {
    if (report.state === 'exited' && this.#there.has(kernel))
      await keepLog(this.#options, kernel, report.exitCode);
    await this.#insist('remove a kernel', signal, () =>
      this.#options.driver.remove(kernel, signal),
    );
  }

  #over(kernel: string): void {
    this.#running.delete(kernel);
    this.#timeouts.clear(kernel);
  }

  /** What is thrown is a result like any other, unless this work is not wanted any more. */
  async #trying(
    step: ContainerFailure['step'],
    at: At,
    attempt: () => Promise<void>,
  ): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      await awaitEngine({ clock, signal: at.signal }, attempt);
    } catch (cause) {
      at.signal.throwIfAborted();
      logger.warn({ err: cause, kernel: at.kernel }, 'a kernel could not be started');
      await this.#ended(failureReport(cause, step), at);
    }
  }

  /** What is written on a container stands in for a record that was lost. */
  #recall(container: KernelContainer | undefined): KernelRecord | undefined {
    if (container === undefined) return undefined;
    const { kernel, session, wishRevision: revision, traceparent } = container;
    return this.#options.records.put(
      { kernel, session, revision, traceparent, phase: 'met' },
      'for-now',
    );
  }

  async #find(kernel: string, signal: AbortSignal): Promise<KernelContainer | undefined> {
    if (!this.#there.has(kernel)) return undefined;
    const { driver } = this.#options;
    return this.#insist('look at a kernel', signal, () => driver.find(kernel, signal));
  }

  async #tell(kernel: string, report: KernelReport, cause: string): Promise<void> {
    const record = this.#options.records.find(kernel);
    if (record === undefined) return;
    const { session, revision: wishRevision, traceparent } = record;
    await this.#options.reporter.report({
      kernel,
      session,
      wishRevision,
      report,
      cause,
      traceparent: currentTraceparent() ?? traceparent,
    });
  }

  #insist<Value>(doing: string, signal: AbortSignal, call: () => Promise<Value>): Promise<Value> {
    const { clock, logger } = this.#options;
    return insist({ doing, clock, logger, signal }, call);
  }
}

/** The kernel that is worked on, why, and until when. */
interface At {
  readonly kernel: string;
  readonly container: KernelContainer | undefined;
  readonly cause: string;
  readonly tellings: Promise<void>[];
  readonly signal: AbortSignal;
}

interface End extends Pick<At, 'kernel' | 'cause' | 'signal'> {
  readonly ran?: Ran | undefined;
}
