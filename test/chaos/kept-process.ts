import { readFileSync } from 'node:fs';
import { comesTrue, delay, nowMs } from '../../deploy/embedded/clock.ts';
import type { Launch } from '../../deploy/embedded/launch.ts';
import { EnvironmentChild } from '../environment/child.ts';

const LOOK_PERIOD_MS = 50;
/** A process that ends by itself is started again after this time, as any supervisor would. */
const RESTART_DELAY_MS = 1_000;
const GONE_MS_MAX = 20_000;

export interface KeptProcessOptions {
  readonly name: string;
  /** File that takes its output in all its lives. */
  readonly log: string;
  readonly launch: () => Promise<Launch>;
}

/** A process that is started again whenever it ends, and may be killed and stopped on purpose. */
export class KeptProcess {
  readonly #options: KeptProcessOptions;
  readonly #stopping = new AbortController();
  #child: EnvironmentChild | undefined;
  #keeping: Promise<void> | undefined;
  #startsAtMs = 0;
  #isPaused = false;
  #isExpected = false;
  starts = 0;
  /** Ends that nobody brought about. */
  surprises = 0;

  constructor(options: KeptProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get isRunning(): boolean {
    return this.#child?.isRunning === true && !this.#isPaused;
  }

  get pid(): number | undefined {
    return this.#child?.isRunning === true ? this.#child.pid : undefined;
  }

  start(): void {
    this.#keeping ??= this.#keep();
  }

  /** Ends it at once, or with another signal; it comes back after `awayMs`. */
  async kill(awayMs: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child?.isRunning !== true) return;
    this.resume();
    this.#isExpected = true;
    this.#startsAtMs = nowMs() + awayMs;
    process.kill(child.pid, signal);
    const gone = await comesTrue(() => !child.isRunning, {
      withinMs: GONE_MS_MAX,
      everyMs: 10,
    });
    if (!gone) process.kill(child.pid, 'SIGKILL');
  }

  /** Stops it in the middle of whatever it does, with its children; `resume` lets it go on. */
  pause(): void {
    if (!this.isRunning) return;
    this.#isPaused = true;
    this.#tell('SIGSTOP');
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#tell('SIGCONT');
  }

  signal(name: NodeJS.Signals): void {
    if (this.isRunning && this.#child !== undefined) process.kill(this.#child.pid, name);
  }

  /** For good. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#stopping.abort();
    await this.kill(0, signal);
    await this.#keeping;
  }

  async #keep(): Promise<void> {
    const { launch, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#isExpected = false;
      this.starts += 1;
      const child = new EnvironmentChild(await launch(), { log });
      this.#child = child;
      while (child.isRunning) await delay(LOOK_PERIOD_MS);
      if (signal.aborted) return;
      if (!this.#isExpected) {
        this.surprises += 1;
        this.#startsAtMs = nowMs() + RESTART_DELAY_MS;
      }
      await delay(Math.max(0, this.#startsAtMs - nowMs()), signal).catch(() => undefined);
    }
  }

  #tell(signal: NodeJS.Signals): void {
    const { pid } = this;
    if (pid === undefined) return;
    for (const each of [pid, ...childrenOf(pid)]) {
      try {
        process.kill(each, signal);
      } catch {
        // It ended meanwhile.
      }
    }
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return (text.match(/\d+/g) ?? []).map(Number);
  } catch {
    return [];
  }
}
