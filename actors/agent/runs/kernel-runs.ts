import { join } from 'node:path';
import {
  type Clock,
  type ExecuteRequest,
  type ExecuteResult,
  OrreryError,
  type RunLanguage,
} from '@orrery/bus';
import type { ContainerDriver, KernelPlaces } from '../container-driver.ts';
import { Batch } from './batch.ts';
import { type CellEnd, Interpreter, InterpreterNotStarted, logItem } from './interpreter.ts';
import { Run } from './run.ts';
import { RunLog, runsIn } from './run-log.ts';

/** Runs of one kernel that are remembered, the one that runs and those that wait included. */
const RUNS_MAX = 32;
/** Between the interrupt of a run that takes too long and its end by force. */
const INTERRUPT_GRACE_MS = 2_000;
const KERNEL_GONE = 130;
const KILLED = 137;
const KERNEL_END_MS_MAX = 1_000;
const KERNEL_END_STEP_MS = 50;
const NOT_STARTED = 127;

export class RunNotFound extends OrreryError {
  override readonly name = 'RunNotFound';
  readonly code = 'run-not-found';
  readonly isRetryable = false;

  constructor(run: string) {
    super(`there is no run ${run}, or it is over and forgotten`);
  }
}

export class TooManyRuns extends OrreryError {
  override readonly name = 'TooManyRuns';
  readonly code = 'too-many-runs';
  readonly isRetryable = true;

  constructor() {
    super(`${RUNS_MAX} runs of this session wait already`);
  }
}

export interface KernelRunsParts {
  readonly driver: ContainerDriver;
  readonly clock: Clock;
  readonly kernel: string;
  readonly places: KernelPlaces;
  readonly signal: AbortSignal;
}

interface Active {
  readonly id: string;
  interrupt(): Promise<void>;
}

/** What runs in one kernel: one run at a time, in the order in which they were asked for. */
export class KernelRuns {
  readonly #parts: KernelRunsParts;
  readonly #runs = new Map<string, Run>();
  readonly #interpreters = new Map<RunLanguage, Promise<Interpreter>>();
  #queue: Promise<void> = Promise.resolve();
  #active: (Active & { input(text: string): Promise<void> }) | undefined;

  /** Takes up runs of an earlier keeper: what had not ended then ended with it. */
  constructor(parts: KernelRunsParts) {
    this.#parts = parts;
    for (const id of runsIn(parts.places.runs)) {
      const run = new Run(id, new RunLog(join(parts.places.runs, id)));
      if (!run.log.isOver) {
        run.log.append({
          item: logItem(parts.clock, 'error', 'the process that kept this run was killed'),
        });
        run.end('finished', KERNEL_GONE);
      }
      this.#runs.set(id, run);
    }
  }

  /** Whether an interpreter lives here or something runs. */
  get isInUse(): boolean {
    return this.#interpreters.size > 0 || [...this.#runs.values()].some(({ log }) => !log.isOver);
  }

  /** @throws {RunNotFound} | {TooManyRuns} */
  async execute(request: ExecuteRequest, flush: Promise<unknown>): Promise<ExecuteResult> {
    const { runId, mode, code, after } = request;
    let run = this.#runs.get(runId);
    if (run === undefined) {
      if (mode !== 'query' && mode !== 'batch') throw new RunNotFound(runId);
      run = this.#begin(request);
    } else if (mode === 'input' && this.#active?.id === runId && run.takesInput(after)) {
      await this.#active.input(code);
    }
    return run.answer(request, flush);
  }

  async interrupt(runId: string | undefined): Promise<boolean> {
    if (this.#active === undefined) return false;
    if (runId !== undefined && this.#active.id !== runId) return false;
    await this.#active.interrupt();
    return true;
  }

  async complete(language: RunLanguage, code: string): Promise<readonly string[]> {
    const interpreter = await this.#interpreter(language);
    return interpreter.complete(code);
  }

  #begin(request: ExecuteRequest): Run {
    this.#forgetOld();
    const { runId } = request;
    const run = new Run(runId, new RunLog(join(this.#parts.places.runs, runId)));
    this.#runs.set(runId, run);
    this.#queue = this.#queue.then(() => this.#carryOut(request, run));
    return run;
  }

  async #carryOut(request: ExecuteRequest, run: Run): Promise<void> {
    try {
      if (request.mode === 'batch') await this.#batch(request, run);
      else await this.#query(request, run);
    } catch (error) {
      await this.#failed(run, error);
    } finally {
      this.#active = undefined;
    }
  }

  async #failed(run: Run, error: unknown): Promise<void> {
    const isKernelThere = await this.#isKernelThere();
    if (error instanceof InterpreterNotStarted && isKernelThere) {
      run.log.append({ item: ['stderr', `${error.message}\n`] });
      run.end('finished', NOT_STARTED);
      return;
    }
    const why = error instanceof Error ? error.message : String(error);
    run.log.append({ item: logItem(this.#parts.clock, 'error', why) });
    run.end('finished', isKernelThere ? -1 : KERNEL_GONE);
  }

  async #query({ runId, language, code, timeoutMs }: ExecuteRequest, run: Run): Promise<void> {
    const interpreter = await this.#interpreter(language);
    this.#active = {
      id: runId,
      interrupt: () => interpreter.interrupt(),
      input: (text) => interpreter.input(text),
    };
    const running = interpreter.run(code, run);
    const kill = async (): Promise<void> => {
      run.letGo();
      await interpreter[Symbol.asyncDispose]();
    };
    const isTimedOut = await this.#within(running, { timeoutMs, kill });
    const end = await running;
    if (end.kind === 'gone') run.log.append({ item: this.#goneItem(end) });
    if (isTimedOut) run.end('exec-timeout', undefined);
    else run.end('finished', await this.#exitCodeOf(end));
  }

  async #batch(
    { runId, language, steps = {}, timeoutMs }: ExecuteRequest,
    run: Run,
  ): Promise<void> {
    const { driver, kernel, places, signal } = this.#parts;
    const given = new AbortController();
    const batch = new Batch({
      driver,
      kernel,
      language,
      directory: places.runner,
      signal: AbortSignal.any([signal, given.signal]),
    });
    this.#active = { id: runId, interrupt: () => batch.interrupt(), input: async () => undefined };
    const running = batch.run(steps, run);
    const kill = async (): Promise<void> => {
      run.letGo();
      given.abort(new Error('the run took too long'));
    };
    const isTimedOut = await this.#within(running, { timeoutMs, kill });
    const exitCode = await running.catch((error: unknown) => {
      if (!isTimedOut) throw error;
      return undefined;
    });
    if (isTimedOut) run.end('exec-timeout', undefined);
    else run.end('finished', exitCode);
  }

  /** Interrupts what takes too long, and after a while ends it. Whether it took too long. */
  async #within(
    running: Promise<unknown>,
    limit: { readonly timeoutMs: number | undefined; readonly kill: () => Promise<void> },
  ): Promise<boolean> {
    const { clock } = this.#parts;
    const over = new AbortController();
    const ended = running.then(
      () => 'ended' as const,
      () => 'ended' as const,
    );
    const late = (ms: number): Promise<'late'> =>
      clock.sleep(ms, over.signal).then(
        () => 'late' as const,
        () => 'late' as const,
      );
    if (limit.timeoutMs === undefined) {
      await ended;
      return false;
    }
    const first = await Promise.race([ended, late(limit.timeoutMs)]);
    if (first === 'late') {
      await this.#active?.interrupt();
      if ((await Promise.race([ended, late(INTERRUPT_GRACE_MS)])) === 'late') await limit.kill();
    }
    over.abort(new Error('it has ended'));
    return first === 'late';
  }

  #interpreter(language: RunLanguage): Promise<Interpreter> {
    const there = this.#interpreters.get(language);
    if (there !== undefined) return there;
    const { driver, clock, kernel, places, signal } = this.#parts;
    const parts = { driver, clock, kernel, language, directory: places.runner };
    const starting = Interpreter.start(parts, signal);
    this.#interpreters.set(language, starting);
    const forget = (): void => {
      this.#interpreters.delete(language);
    };
    starting.then(({ gone }) => gone.then(forget), forget);
    return starting;
  }

  async #exitCodeOf(end: CellEnd): Promise<number> {
    if (end.kind === 'done') return end.exitCode;
    const { clock, signal } = this.#parts;
    const deadlineMs = clock.nowMs() + KERNEL_END_MS_MAX;
    // What was killed may have been killed with its kernel, of whose end we hear a little later.
    while (await this.#isKernelThere()) {
      const isKilled = end.exitCode === null || end.exitCode === KILLED;
      if (!isKilled || clock.nowMs() >= deadlineMs) return end.exitCode ?? KERNEL_GONE;
      await clock.sleep(KERNEL_END_STEP_MS, signal);
    }
    return KERNEL_GONE;
  }

  #goneItem({ exitCode }: Extract<CellEnd, { readonly kind: 'gone' }>) {
    const how = exitCode === null ? '' : ` with exit code ${exitCode}`;
    const text = `the interpreter ended${how}; what the cells before had set is lost`;
    return logItem(this.#parts.clock, 'warning', text);
  }

  async #isKernelThere(): Promise<boolean> {
    const { driver, kernel, signal } = this.#parts;
    const found = await driver.find(kernel, signal).catch(() => undefined);
    return found?.state.phase === 'running';
  }

  /** @throws {TooManyRuns} when none of those that are remembered is over. */
  #forgetOld(): void {
    for (const [id, run] of this.#runs) {
      if (this.#runs.size < RUNS_MAX) return;
      if (!run.log.isOver) continue;
      run.log.remove();
      this.#runs.delete(id);
    }
    if (this.#runs.size >= RUNS_MAX) throw new TooManyRuns();
  }
}
