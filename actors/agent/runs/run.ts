import type { ConsoleItem, ExecuteRequest, ExecuteResult } from '@orrery/bus';
import type { CellSink } from './interpreter.ts';
import type { RunLog } from './run-log.ts';
import { gather } from './run-record.ts';

/** One execution: its log, and what of it was given. */
export class Run implements CellSink {
  readonly log: RunLog;
  readonly #id: string;
  readonly #over = new AbortController();
  #given = 0;
  /** Number of the record that asks for input, while nobody has answered. */
  #asked: number | undefined;

  constructor(id: string, log: RunLog) {
    this.#id = id;
    this.log = log;
  }

  async print(item: ConsoleItem): Promise<void> {
    this.log.append({ item });
    await this.log.room(this.#over.signal);
  }

  waitsForInput(isPassword: boolean): void {
    this.log.append({ status: 'waiting-input', isPassword });
    this.#asked = this.log.last;
  }

  /** Whether an answer that was given after that record is wanted: it is taken once. */
  takesInput(after: number | undefined): boolean {
    const isWanted = this.#asked !== undefined && (after === undefined || after === this.#asked);
    if (isWanted) this.#asked = undefined;
    return isWanted;
  }

  end(status: 'finished' | 'exec-timeout', exitCode: number | undefined): void {
    this.log.append({ status, exitCode });
    this.#over.abort(new Error('the run is over'));
  }

  /** Nothing that it still prints is wanted. */
  letGo(): void {
    this.#over.abort(new Error('the run is given up'));
  }

  /** Waits for a status, for as much as one answer takes, or for the flush. */
  async answer(request: ExecuteRequest, flush: Promise<unknown>): Promise<ExecuteResult> {
    const after = request.after ?? this.#given;
    this.log.receivedUpTo(after);
    let isLate = false;
    const late = flush.then(() => {
      isLate = true;
    });
    for (;;) {
      const { changed } = this.log;
      const { result, isFull } = gather(this.log.read(after), { runId: this.#id, after });
      // What lies between was received by an earlier answer.
      if (isFull || isLate) {
        this.#given = Math.max(this.#given, result.next);
        return result;
      }
      await Promise.race([changed, late]);
    }
  }
}
