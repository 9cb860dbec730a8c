import { once } from 'node:events';
import { closeSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { comesTrue, delay, nowMs } from './clock.ts';
import { lastLine } from './command.ts';
import { writePrivately } from './data-directory.ts';
import { DeployFailure } from './failure.ts';
import { spawnLaunch } from './launch.ts';
import { LogFile } from './log-file.ts';
import { endProcess, identify, type ProcessIdentity } from './process-identity.ts';
import type { ProcessPlan } from './process-plan.ts';
import { restartDelayMs, STEADY_MS } from './restart-delay.ts';

/** A process that was never ready is given up after so many starts. */
export const FIRST_STARTS_MAX = 4;
const READY_WITHIN_MS = 60_000;
const READY_POLL_MS = 20;

export interface Places {
  /** For `NAME.pid`. */
  readonly run: string;
  /** For `NAME.log`. */
  readonly logs: string;
  /** Told of each end that nobody asked for. */
  readonly onEnd: (sentence: string) => void;
}

/** One process that is started again whenever it ends, until `stop`. */
export class SupervisedProcess {
  readonly plan: ProcessPlan;
  readonly log: LogFile;
  readonly #places: Places;
  readonly #stopping = new AbortController();
  #identity: ProcessIdentity | undefined;
  #wasReady = false;
  #starts = 0;
  #lastEnd = '';
  #ended: Promise<void> = Promise.resolve();

  constructor(plan: ProcessPlan, places: Places) {
    this.plan = plan;
    this.#places = places;
    this.log = new LogFile(join(places.logs, `${plan.name}.log`));
  }

  get pid(): number | undefined {
    return this.#identity?.pid;
  }

  /**
   * Starts it and resolves when it is ready the first time.
   * @throws {DeployFailure} `deploy.part-failed`; call `stop` then.
   */
  async start(): Promise<void> {
    this.#ended = this.#keepRunning();
    const isSettled = await comesTrue(
      () => this.#wasReady || this.#starts > FIRST_STARTS_MAX || this.#stopping.signal.aborted,
      { withinMs: READY_WITHIN_MS, everyMs: READY_POLL_MS },
    );
    if (this.#wasReady) return;
    const line = lastLine(this.log.since(0));
    throw new DeployFailure(
      'deploy.part-failed',
      [
        `${this.plan.name} could not be started: `,
        isSettled ? `it ${this.#lastEnd}` : `it was not ready within ${READY_WITHIN_MS / 1_000} s`,
        line === '' ? '' : `, its last words were "${line.slice(0, 300)}"`,
        `; all of them are in ${this.log.path}.`,
      ].join(''),
    );
  }

  /** Ends it for good: its signal first, SIGKILL when that took too long. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the supervisor stops'));
    const { stopSignal, stopWithinMs } = this.plan;
    if (this.#identity !== undefined)
      await endProcess(this.#identity, { signal: stopSignal, withinMs: stopWithinMs });
    await this.#ended;
  }

  async #keepRunning(): Promise<void> {
    let restarts = 0;
    while (!this.#stopping.signal.aborted) {
      const startedMs = nowMs();
      this.#starts += 1;
      if (!this.#wasReady && this.#starts > FIRST_STARTS_MAX) return;
      this.#lastEnd = await this.#runOnce();
      if (this.#stopping.signal.aborted) return;
      if (nowMs() - startedMs >= STEADY_MS) restarts = 0;
      const waitMs = restartDelayMs(restarts);
      restarts += 1;
      const when = waitMs === 0 ? 'at once' : `in ${waitMs} ms`;
      this.#places.onEnd(`${this.plan.name} ${this.#lastEnd}; it is started again ${when}`);
      await delay(waitMs, this.#stopping.signal).catch(() => undefined);
    }
  }

  /** Resolves with how it ended, as the rest of a sentence. */
  async #runOnce(): Promise<string> {
    const pidFile = join(this.#places.run, `${this.plan.name}.pid`);
    try {
      const launch = await this.plan.launch();
      if (this.#stopping.signal.aborted) {
        launch.release?.();
        return 'was not wanted any more';
      }
      const offsetBytes = this.log.sizeBytes;
      const output = this.log.open();
      const child = spawnLaunch(launch, output);
      closeSync(output);
      const exit = Promise.race([
        once(child, 'exit').then(([code, signal]) => ended(code, signal)),
        once(child, 'error').then(([error]) => `could not be run (${String(error)})`),
      ]);
      const over = new AbortController();
      const whenOver = exit.finally(() => over.abort());
      if (child.pid !== undefined) {
        this.#identity = identify(child.pid);
        writePrivately(pidFile, `${JSON.stringify(this.#identity ?? {})}\n`);
        await this.#watchReadiness(offsetBytes, over.signal);
      }
      return await whenOver;
    } catch (error) {
      return `could not be run (${error instanceof Error ? error.message : String(error)})`;
    } finally {
      this.#identity = undefined;
      rmSync(pidFile, { force: true });
    }
  }

  async #watchReadiness(offsetBytes: number, over: AbortSignal): Promise<void> {
    const isReady = await comesTrue(
      async () => over.aborted || (await this.plan.isReady(() => this.log.since(offsetBytes))),
      { withinMs: READY_WITHIN_MS, everyMs: READY_POLL_MS },
    );
    if (isReady && !over.aborted) this.#wasReady = true;
  }
}

function ended(code: unknown, signal: unknown): string {
  return signal === null ? `ended with code ${String(code)}` : `was ended by ${String(signal)}`;
}
