import type { Clock } from '@orrery/bus';
import type { ExecProcess } from '../container-driver.ts';

/** Between the wish that an app ends and its end by force (reference: shutdown-service). */
const STOP_GRACE_MS = 2_000;
const GONE_MS_MAX = 10_000;
const SAID_CHARACTERS_MAX = 8_192;

export interface AppEnd {
  readonly exitCode: number | null;
  /** The end of what it printed. */
  readonly said: string;
}

/** The program of an app, for as long as it lives. */
export class RunningApp {
  readonly #process: ExecProcess;
  readonly #clock: Clock;
  readonly isAtBasePath: boolean;
  /** Resolves when it has ended. */
  readonly end: Promise<AppEnd>;
  /** Whether its port has answered. */
  isUp = false;
  #said = '';

  constructor(
    process: ExecProcess,
    { clock, isAtBasePath }: { readonly clock: Clock; readonly isAtBasePath: boolean },
  ) {
    this.#process = process;
    this.#clock = clock;
    this.isAtBasePath = isAtBasePath;
    this.end = this.#follow();
  }

  /** Asks it to end, makes it after a while, and resolves when it is gone. */
  async stop(): Promise<void> {
    const over = new AbortController();
    const ended = this.end.then(() => 'ended' as const);
    const within = (ms: number) =>
      Promise.race([ended, this.#clock.sleep(ms, over.signal).then(() => 'late' as const)]);
    try {
      await this.#process.write(Buffer.from('stop\n'));
      if ((await within(STOP_GRACE_MS)) === 'ended') return;
      await this.#process.write(Buffer.from('now\n'));
      if ((await within(GONE_MS_MAX)) === 'ended') return;
      await this.#process[Symbol.asyncDispose]();
    } finally {
      over.abort(new Error('it has ended'));
    }
  }

  async #follow(): Promise<AppEnd> {
    let exitCode: number | null = null;
    try {
      const decoder = new TextDecoder();
      for await (const { bytes } of this.#process.output) {
        const text = decoder.decode(bytes, { stream: true });
        this.#said = `${this.#said}${text}`.slice(-SAID_CHARACTERS_MAX);
      }
      exitCode = await this.#process.waitForExit(AbortSignal.timeout(GONE_MS_MAX));
    } catch {
      // The engine lost it: nobody knows how it ended.
    }
    return { exitCode, said: this.#said };
  }
}
