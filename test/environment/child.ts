import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { comesTrue } from '../../deploy/embedded/clock.ts';
import { type Launch, spawnLaunch } from '../../deploy/embedded/launch.ts';

const STARTED_WITHIN_MS = 30_000;
const STOPPED_WITHIN_MS = 20_000;

/** One server process of the test environment; killed at the latest when the test process exits. */
export class EnvironmentChild {
  readonly #process: ChildProcess;
  readonly #log: string;
  readonly #atExit: () => void;

  constructor(
    launch: Launch,
    {
      log,
      signalAtExit = 'SIGKILL',
    }: { readonly log: string; readonly signalAtExit?: NodeJS.Signals },
  ) {
    const output = openSync(log, 'a');
    this.#log = log;
    this.#process = spawnLaunch(launch, output);
    closeSync(output);
    // A server that a suite forgot to stop must not keep the suite's process alive.
    this.#process.unref();
    this.#atExit = () => this.#process.kill(signalAtExit);
    process.once('exit', this.#atExit);
  }

  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error(`the program could not be started: ${this.#log}`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** @throws when the process ends first or is not ready in time, with the end of its log. */
  async becomesReady(isReady: () => boolean | Promise<boolean>): Promise<void> {
    const ready = await comesTrue(async () => !this.isRunning || (await isReady()), {
      withinMs: STARTED_WITHIN_MS,
      everyMs: 20,
    });
    if (ready && this.isRunning) return;
    throw new Error(`not ready: ${readFileSync(this.#log, 'utf8').slice(-2_000)}`);
  }

  /** Sends a signal and waits until the process has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#process.kill(signal);
    const options = { withinMs: STOPPED_WITHIN_MS, everyMs: 10 };
    const ended = await comesTrue(() => !this.isRunning, options);
    if (!ended) this.#process.kill('SIGKILL');
    process.off('exit', this.#atExit);
    if (!ended) throw new Error(`process ${this.pid} did not end on ${signal}`);
  }
}
