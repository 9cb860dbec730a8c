import { join } from 'node:path';
import type { Clock, Logger, TerminalRequest } from '@orrery/bus';
import type { ContainerDriver, TerminalSize } from '../container-driver.ts';
import { TerminalEnded, TerminalNotFound, TooManyTerminals } from './errors.ts';
import { Recording } from './recording.ts';
import { pruneRecordings, recordingName } from './recordings.ts';
import { Terminal } from './terminal.ts';

export const TERMINALS_MAX = 256;
/** How long it is remembered how a shell ended, for who was cut off meanwhile. */
const ENDED_MS = 60_000;
const SIZE: TerminalSize = { columns: 80, rows: 24 };
/** The best shell that the image has (reference: zsh, bash, ash, sh). */
const SHELL = [
  'sh',
  '-c',
  'for s in zsh bash ash; do command -v "$s" >/dev/null 2>&1 && exec "$s"; done; exec sh',
];

export interface KernelTerminalsParts {
  readonly driver: ContainerDriver;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly kernel: string;
  /** Where this node's recordings lie. */
  readonly recordings: string;
  readonly signal: AbortSignal;
}

/** The terminals of one kernel, by their names. */
export class KernelTerminals {
  readonly #parts: KernelTerminalsParts;
  readonly #terminals = new Map<string, Terminal>();
  readonly #opening = new Map<string, Promise<Terminal>>();

  constructor(parts: KernelTerminalsParts) {
    this.#parts = parts;
  }

  /** Whether a shell runs, or has just ended. */
  get isInUse(): boolean {
    return (
      this.#opening.size > 0 || [...this.#terminals.values()].some((each) => !this.#isOld(each))
    );
  }

  /**
   * The terminal as asked for, with a new shell where none runs and one may be begun.
   * @throws {TerminalEnded} | {TerminalNotFound} | {TooManyTerminals} and what the driver throws.
   */
  async find(request: TerminalRequest): Promise<Terminal> {
    const { terminal: name, life, mode } = request;
    const there = this.#terminals.get(name) ?? (await this.#opening.get(name));
    if (there !== undefined && (there.endedAtMs === undefined || there.life === life)) {
      await this.#asWished(there, request);
      return there;
    }
    if (life !== undefined) throw new TerminalEnded(name);
    if (mode === 'read-only') throw new TerminalNotFound(name);
    const opening = this.#opening.get(name) ?? this.#open(request);
    this.#opening.set(name, opening);
    try {
      const opened = await opening;
      await this.#asWished(opened, request);
      return opened;
    } finally {
      this.#opening.delete(name);
    }
  }

  async #open({ terminal: name, columns, rows }: TerminalRequest): Promise<Terminal> {
    this.#forgetOld();
    if (this.#terminals.size + this.#opening.size >= TERMINALS_MAX)
      throw new TooManyTerminals(TERMINALS_MAX);
    const { driver, clock, kernel, signal } = this.#parts;
    const size = { columns: columns ?? SIZE.columns, rows: rows ?? SIZE.rows };
    const opened = await Terminal.open({
      clock,
      size,
      begin: (terminal) => driver.exec({ kernel, command: SHELL, environ: {}, terminal }, signal),
    });
    this.#terminals.set(name, opened);
    return opened;
  }

  /** Who may type says how large it is, and may ask that it is recorded. */
  async #asWished(terminal: Terminal, request: TerminalRequest): Promise<void> {
    const { mode, columns, rows, isRecorded, terminal: name } = request;
    if (mode === 'read-only') return;
    if (columns !== undefined && rows !== undefined) await terminal.resize({ columns, rows });
    if (!isRecorded || terminal.isRecorded || terminal.endedAtMs !== undefined) return;
    const { clock, kernel, recordings } = this.#parts;
    const startMs = clock.nowMs();
    const path = join(recordings, kernel, recordingName(name, startMs));
    terminal.record(new Recording({ path, size: terminal.size, startMs, clock }));
    pruneRecordings(recordings).catch((err: unknown) =>
      this.#parts.logger.warn({ err }, 'old recordings could not be removed'),
    );
  }

  #forgetOld(): void {
    for (const [name, terminal] of this.#terminals)
      if (this.#isOld(terminal)) this.#terminals.delete(name);
  }

  #isOld({ endedAtMs }: Terminal): boolean {
    return endedAtMs !== undefined && this.#parts.clock.nowMs() - endedAtMs >= ENDED_MS;
  }
}
