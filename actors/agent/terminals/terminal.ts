import { randomUUID } from 'node:crypto';
import type { Clock, StreamOutput } from '@orrery/bus';
import type { ExecProcess, TerminalSize } from '../container-driver.ts';
import { TooManyViewers } from './errors.ts';
import type { Recording } from './recording.ts';
import { ScrollBack } from './scroll-back.ts';

export const VIEWERS_MAX = 64;
const FRAME_BYTES_MAX = 64 * 1024;
/** How far the shell's output may be ahead of the viewer that is farthest; who is slower leaves some out. */
const AHEAD_BYTES_MAX = 128 * 1024;
/** With nobody looking, output is read no faster than so much in each period. */
const UNWATCHED_BYTES_MAX = 1024 * 1024;
const UNWATCHED_PERIOD_MS = 100;
/** Input that the shell has not taken yet. */
const INPUT_BYTES_WAITING_MAX = 64 * 1024;
const EXIT_MS_MAX = 5_000;

interface Shell {
  readonly life: string;
  readonly process: ExecProcess;
  readonly screen: ScrollBack;
  exit: { readonly exitCode: number | null; readonly endedAtMs: number } | undefined;
}

interface Viewer {
  takenBytes: number;
}

export interface TerminalParts {
  readonly clock: Clock;
  readonly size: TerminalSize;
  /** Begins a shell of that size. */
  readonly begin: (size: TerminalSize) => Promise<ExecProcess>;
}

/** Where a viewer goes on; without a life it sees all that is there. */
export interface ViewedFrom {
  readonly life: string | undefined;
  readonly afterBytes: number;
}

/** A shell with a screen that outlives its viewers. */
export class Terminal {
  readonly #parts: TerminalParts;
  readonly #viewers = new Set<Viewer>();
  #shell: Shell;
  #size: TerminalSize;
  #recording: Recording | undefined;
  #isRestarting = false;
  #typing: Promise<void> = Promise.resolve();
  #typedBytes = 0;
  #changed = Promise.withResolvers<void>();

  private constructor(parts: TerminalParts, process: ExecProcess) {
    this.#parts = parts;
    this.#size = parts.size;
    this.#shell = this.#adopt(process);
  }

  /** @throws what the shell's begin throws. */
  static async open(parts: TerminalParts): Promise<Terminal> {
    return new Terminal(parts, await parts.begin(parts.size));
  }

  get life(): string {
    return this.#shell.life;
  }

  /** Undefined while its shell runs. */
  get endedAtMs(): number | undefined {
    return this.#isRestarting ? undefined : this.#shell.exit?.endedAtMs;
  }

  get size(): TerminalSize {
    return this.#size;
  }

  get isRecorded(): boolean {
    return this.#recording !== undefined;
  }

  /** From now on, what is on the screen included; ends with the terminal. */
  record(recording: Recording): void {
    this.#recording = recording;
    const { screen } = this.#shell;
    recording.output(screen.again(screen.startBytes));
  }

  /**
   * What it shows, for ever: ends with the shell's exit, or when the signal fires.
   * @throws {TooManyViewers}
   */
  async *watch(from: ViewedFrom, signal: AbortSignal): AsyncGenerator<StreamOutput, void> {
    if (this.#viewers.size >= VIEWERS_MAX) throw new TooManyViewers(VIEWERS_MAX);
    const viewer: Viewer = { takenBytes: 0 };
    this.#viewers.add(viewer);
    const onAbort = (): void => this.#tell();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      yield* this.#shown(viewer, from, signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#viewers.delete(viewer);
      this.#tell();
    }
  }

  /** Waits only when much of what was typed is not taken, so that a restart can follow. */
  async type(bytes: Buffer): Promise<void> {
    const { process } = this.#shell;
    this.#typedBytes += bytes.length;
    this.#typing = this.#typing.then(async () => {
      // A shell that has just ended takes nothing; that it has is told by its exit.
      await process.write(bytes).catch(() => undefined);
      if (process === this.#shell.process) this.#typedBytes -= bytes.length;
    });
    if (this.#typedBytes > INPUT_BYTES_WAITING_MAX) await this.#typing;
  }

  async resize(size: TerminalSize): Promise<void> {
    const { columns, rows } = this.#size;
    if (columns === size.columns && rows === size.rows) return;
    this.#size = { columns: size.columns, rows: size.rows };
    this.#recording?.resized(this.#size);
    // A shell that has just ended has no size.
    await this.#shell.process.resize(this.#size).catch(() => undefined);
  }

  /** Ends the shell and begins another, which all who look at it see. */
  async restart(): Promise<void> {
    if (this.#isRestarting) return;
    this.#isRestarting = true;
    this.#tell();
    try {
      const old = this.#shell.process;
      this.#typing = Promise.resolve();
      this.#typedBytes = 0;
      try {
        await old[Symbol.asyncDispose]();
      } catch {
        // The engine lost it.
      }
      this.#shell = this.#adopt(await this.#parts.begin(this.#size));
    } catch (error) {
      this.#recording?.[Symbol.dispose]();
      throw error;
    } finally {
      this.#isRestarting = false;
      this.#tell();
    }
  }

  #adopt(process: ExecProcess): Shell {
    const shell: Shell = {
      life: randomUUID(),
      process,
      screen: new ScrollBack(),
      exit: undefined,
    };
    void this.#follow(shell);
    return shell;
  }

  async #follow(shell: Shell): Promise<void> {
    let exitCode: number | null = null;
    try {
      let unwatchedBytes = 0;
      for await (const { bytes } of shell.process.output) {
        shell.screen.append(bytes);
        if (shell === this.#shell) this.#recording?.output(Buffer.from(bytes));
        this.#tell();
        unwatchedBytes = this.#viewers.size === 0 ? unwatchedBytes + bytes.length : 0;
        if (unwatchedBytes >= UNWATCHED_BYTES_MAX) {
          unwatchedBytes = 0;
          await this.#parts.clock.sleep(UNWATCHED_PERIOD_MS);
        }
        await this.#room(shell);
      }
      exitCode = await shell.process.waitForExit(AbortSignal.timeout(EXIT_MS_MAX));
    } catch {
      // The engine lost it: it counts as ended, nobody knows how.
    }
    shell.exit = { exitCode, endedAtMs: this.#parts.clock.nowMs() };
    if (shell === this.#shell && !this.#isRestarting) this.#recording?.[Symbol.dispose]();
    this.#tell();
  }

  /** Resolves when the viewer that is farthest is not far behind, or nobody looks on. */
  async #room(shell: Shell): Promise<void> {
    const { screen } = shell;
    const isAhead = (): boolean =>
      shell === this.#shell &&
      !this.#isRestarting &&
      this.#viewers.size > 0 &&
      [...this.#viewers].every(({ takenBytes }) => screen.endBytes - takenBytes > AHEAD_BYTES_MAX);
    while (isAhead()) await this.#changed.promise;
  }

  async *#shown(
    viewer: Viewer,
    from: ViewedFrom,
    signal: AbortSignal,
  ): AsyncGenerator<StreamOutput, void> {
    let shell: Shell | undefined;
    let at = from.afterBytes;
    while (!signal.aborted) {
      const changed = this.#changed.promise;
      const present = this.#shell;
      const { screen } = present;
      const isKnown = shell === present || (shell === undefined && from.life === present.life);
      const isThere = isKnown && at >= screen.startBytes && at <= screen.endBytes;
      if (shell !== present || !isThere) {
        if (!isThere) at = screen.startBytes;
        shell = present;
        viewer.takenBytes = at;
        const { isRecorded } = this;
        // Before anything is given: a viewer may take its time, and the oldest go.
        const again = screen.again(at);
        yield { kind: 'attached', life: present.life, offsetBytes: at, isRecorded };
        for (const frame of framesOf(again, at)) yield frame;
        at += again.length;
      } else if (at < screen.endBytes) {
        const bytes = screen.read(at, FRAME_BYTES_MAX);
        for (const frame of framesOf(bytes, at)) yield frame;
        at += bytes.length;
      } else if (present.exit !== undefined && !this.#isRestarting) {
        yield { kind: 'exit', exitCode: present.exit.exitCode };
        return;
      } else {
        await changed;
        continue;
      }
      viewer.takenBytes = at;
      this.#tell();
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function* framesOf(bytes: Buffer, offsetBytes: number): Generator<StreamOutput, void> {
  for (let at = 0; at < bytes.length; at += FRAME_BYTES_MAX) {
    const data = bytes.subarray(at, at + FRAME_BYTES_MAX).toString('base64');
    yield { kind: 'output', source: 'stdout', data, offsetBytes: offsetBytes + at };
  }
}
