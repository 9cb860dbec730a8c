import { randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isLast, type RunFact, RunRecord } from './run-record.ts';

const SEGMENT_BYTES_MAX = 1024 * 1024;
/** What may lie here that its reader has not yet received; then the program waits. */
export const UNRECEIVED_BYTES_MAX = 16 * 1024 * 1024;
/** The newest records, kept so that an answer need not read what was just written. */
const RECENT_BYTES_MAX = 1024 * 1024;

/** Begins the name of a directory that is being removed; no run has such a name. */
const GONE = '.gone-';

interface Segment {
  readonly path: string;
  /** Number of its first record. */
  readonly first: number;
  bytes: number;
}

/**
 * What a run printed, on disk from the moment it was read: whoever reads it may die and come again. What was
 * received is removed a segment at a time.
 */
export class RunLog implements Disposable {
  readonly #directory: string;
  readonly #segments: Segment[] = [];
  readonly #recent: { readonly record: RunRecord; readonly bytes: number }[] = [];
  #recentBytes = 0;
  #last = 0;
  #received = 0;
  #file: number | undefined;
  #isOver = false;
  #changed = Promise.withResolvers<void>();
  #freed = Promise.withResolvers<void>();

  /** Takes up what is in the directory, as an earlier process left it. */
  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory).sort()) this.#meet(join(directory, name));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Number of the newest record. */
  get last(): number {
    return this.#last;
  }

  /** Settles at the next record. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  append(fact: RunFact): void {
    if (this.#isOver) return;
    this.#last += 1;
    const record = { n: this.#last, ...fact };
    const line = `${JSON.stringify(record)}\n`;
    const bytes = Buffer.byteLength(line);
    const segment = this.#segmentFor(bytes);
    writeSync(this.#file ?? this.#open(segment.path), line);
    segment.bytes += bytes;
    this.#recent.push({ record, bytes });
    this.#recentBytes += bytes;
    while (this.#recentBytes > RECENT_BYTES_MAX && this.#recent.length > 1)
      this.#recentBytes -= this.#recent.shift()?.bytes ?? 0;
    if (isLast(fact)) {
      this.#isOver = true;
      this.#close();
    }
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Resolves when what its reader has not received is less than the limit. */
  async room(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#unreceivedBytes() >= UNRECEIVED_BYTES_MAX) {
      const aborted = Promise.withResolvers<void>();
      const stop = (): void => aborted.resolve();
      signal.addEventListener('abort', stop, { once: true });
      await Promise.race([this.#freed.promise, aborted.promise]);
      signal.removeEventListener('abort', stop);
    }
  }

  /** Records after that number, from the oldest that is still there. */
  *read(after: number): Generator<RunRecord, void> {
    const [oldest] = this.#recent;
    if (oldest !== undefined && oldest.record.n <= after + 1) {
      for (const { record } of this.#recent.slice(after + 1 - oldest.record.n)) yield record;
      return;
    }
    const start = this.#segments.findLastIndex(({ first }) => first <= after + 1);
    for (const { path } of this.#segments.slice(Math.max(0, start)))
      for (const record of readSegment(path)) if (record.n > after) yield record;
  }

  /** Everything up to that record may be forgotten. */
  receivedUpTo(sequence: number): void {
    this.#received = Math.max(this.#received, Math.min(sequence, this.#last));
    for (;;) {
      const [oldest, next] = this.#segments;
      if (oldest === undefined || next === undefined || next.first > this.#received + 1) break;
      rmSync(oldest.path, { force: true });
      this.#segments.shift();
    }
    this.#freed.resolve();
    this.#freed = Promise.withResolvers();
  }

  /** At once out of the way of another run of that name; the files go while others run. */
  remove(): void {
    this[Symbol.dispose]();
    const gone = join(dirname(this.#directory), `${GONE}${randomUUID()}`);
    renameSync(this.#directory, gone);
    // What a killed process leaves goes with the kernel.
    rm(gone, { recursive: true, force: true }).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#close();
    this.#freed.resolve();
    this.#changed.resolve();
  }

  #unreceivedBytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #segmentFor(bytes: number): Segment {
    const current = this.#segments.at(-1);
    if (current !== undefined && current.bytes + bytes <= SEGMENT_BYTES_MAX) return current;
    this.#close();
    const first = this.#last;
    const path = join(this.#directory, `${String(first).padStart(12, '0')}.ndjson`);
    const segment = { path, first, bytes: 0 };
    this.#segments.push(segment);
    return segment;
  }

  #open(path: string): number {
    this.#file = openSync(path, 'a', 0o600);
    return this.#file;
  }

  #close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #meet(path: string): void {
    const text = readFileSync(path);
    const records = [...readSegment(path)];
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined) return;
    this.#segments.push({ path, first: first.n, bytes: text.length });
    this.#last = last.n;
    if (isLast(last)) this.#isOver = true;
  }
}

/** A line that a killed process did not end is none. */
function* readSegment(path: string): Generator<RunRecord, void> {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  for (const line of lines) {
    const parsed = RunRecord.safeParse(JSON.parse(line));
    if (parsed.success) yield parsed.data;
  }
}

/** Runs whose logs lie in a directory, in no particular order; there need be no directory. */
export function runsIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => !name.startsWith(GONE));
  } catch {
    return [];
  }
}
