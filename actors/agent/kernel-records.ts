import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import type { Logger } from '@orrery/bus';
import { KernelRecord } from './kernel-record.ts';

/**
 * So many kernels that are over are remembered, so that a late wish cannot bring one back. Counted and not
 * timed: a node's clock may jump, and a wish that comes again would find its kernel forgotten.
 */
const OVER_MAX = 10_000;
/** The file is written anew when it has this many lines more than there are records. */
const LINES_SPARE_MAX = 10_000;

/** What the agent remembers of its kernels, across its own restarts where there is a file. */
export class KernelRecords implements Disposable {
  readonly #logger: Logger;
  readonly #path: string | undefined;
  readonly #records = new Map<string, KernelRecord>();
  #file: number | undefined;
  #lines = 0;
  #doneSequence = 0;

  /** Without a path nothing outlives this object. A line that cannot be read is passed over. */
  constructor(options: {
    readonly logger: Logger;
    readonly path?: string | undefined;
  }) {
    this.#logger = options.logger;
    this.#path = options.path;
    if (this.#path !== undefined) this.#load(this.#path);
  }

  find(kernel: string): KernelRecord | undefined {
    return this.#records.get(kernel);
  }

  all(): readonly KernelRecord[] {
    return [...this.#records.values()];
  }

  /** `kept`: also by the next agent. It survives the death of this process. */
  put(record: KernelRecord, lasting: 'kept' | 'for-now'): KernelRecord {
    // The order of the map is the order of change, so that the oldest are found first.
    this.#records.delete(record.kernel);
    this.#records.set(record.kernel, record);
    if (lasting === 'kept' && this.#file !== undefined) {
      writeSync(this.#file, `${JSON.stringify(record)}\n`);
      this.#lines += 1;
    }
    if (isOver(record)) this.#forgetOld();
    return record;
  }

  /** No wish up to this place of the node's inbox comes again; a kernel of a later one is not forgotten. */
  allDoneUpTo(sequence: number): void {
    this.#doneSequence = Math.max(this.#doneSequence, sequence);
  }

  [Symbol.dispose](): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #load(path: string): void {
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    let unreadable = 0;
    for (const line of lines.filter((text) => text !== '')) {
      const record = parse(line);
      if (record === undefined) {
        unreadable += 1;
        continue;
      }
      this.#records.delete(record.kernel);
      this.#records.set(record.kernel, record);
    }
    if (unreadable > 0)
      this.#logger.warn({ path, unreadable }, 'records of kernels could not be read');
    this.#rewrite(path);
  }

  #forgetOld(): void {
    let surplus = this.#records.size - OVER_MAX;
    for (const [kernel, record] of this.#records) {
      if (surplus <= 0) break;
      if (!isOver(record) || (record.sequence ?? 0) > this.#doneSequence) continue;
      this.#records.delete(kernel);
      surplus -= 1;
    }
    if (this.#path !== undefined && this.#lines > this.#records.size + LINES_SPARE_MAX)
      this.#rewrite(this.#path);
  }

  #rewrite(path: string): void {
    this[Symbol.dispose]();
    const text = this.all().map((record) => `${JSON.stringify(record)}\n`);
    const file = openSync(`${path}.new`, 'w', 0o600);
    writeSync(file, text.join(''));
    renameSync(`${path}.new`, path);
    this.#file = file;
    this.#lines = text.length;
  }
}

/** Nothing of it is left here, and nothing need be said of it. */
function isOver({ phase, isTold }: KernelRecord): boolean {
  return phase === 'gone' || isTold === true;
}

function parse(line: string): KernelRecord | undefined {
  try {
    return KernelRecord.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
