import type { EventLog } from '../bus.ts';
import { ARCHIVE_ID, type ArchivedSegment, ArchiveEvent } from '../contracts/archive.ts';
import type { RecordedCommit } from '../envelope.ts';
import { KeySet, keyOf } from './aggregate-key.ts';

/** A segment as the log remembers it. */
export interface AnchoredSegment extends Omit<ArchivedSegment, 'keys'> {
  readonly anchoredAtMs: number;
  /** Whether its commits have left the stream. */
  readonly isPurged: boolean;
  mayHold(key: number): boolean;
}

/** A run of the archiver that has ended, or was asked for. */
export interface ArchiveRun {
  readonly run: number;
  readonly requestedAtMs?: number | undefined;
  readonly finishedAtMs?: number | undefined;
  readonly segments: number;
  readonly aggregates: number;
  readonly commits: number;
}

/** What the log says about the archive. Keeps 16 bytes for each archived aggregate. */
export class ArchiveIndex {
  readonly #log: Pick<EventLog, 'read' | 'follow'>;
  readonly #segments = new Map<number, AnchoredSegment>();
  #sequence = 0;
  #reading = Promise.resolve();
  /** Keys of all segments, sorted; made when it is asked for. */
  #keys: Float64Array | undefined;
  readonly #keyLists: Float64Array[] = [];
  #run: ArchiveRun | undefined;

  /** `log` is the stream itself: the archive's own commits never leave it. */
  constructor(log: Pick<EventLog, 'read' | 'follow'>) {
    this.#log = log;
  }

  /** In the order in which they were archived. */
  get segments(): readonly AnchoredSegment[] {
    return [...this.#segments.values()];
  }

  get newest(): AnchoredSegment | undefined {
    return this.#segments.get(this.#segments.size);
  }

  /** The run that was asked for or ended last. */
  get run(): ArchiveRun | undefined {
    return this.#run;
  }

  /** Sequence of the newest commit of the archive that was taken in. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Takes in everything that was recorded when it is called. @throws {BusUnavailable} */
  refresh(): Promise<void> {
    const read = async (): Promise<void> => {
      for await (const commit of this.#log.read('archive', ARCHIVE_ID, this.#sequence))
        this.#take(commit);
    };
    const reading = this.#reading.then(read);
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  /** Takes in what is recorded from now on, as it comes; ends when the signal fires. */
  async follow(signal: AbortSignal): Promise<void> {
    const place = { aggregate: 'archive', aggregateId: ARCHIVE_ID } as const;
    const options = { ...place, afterSequence: this.#sequence, signal };
    for await (const commits of this.#log.follow(options))
      for (const commit of commits) this.#take(commit);
  }

  /** False: no segment has commits of it. True: one has, or (once in a great while) none. */
  mayHold(aggregate: string, id: string): boolean {
    if (this.#segments.size === 0) return false;
    this.#keys ??= merged(this.#keyLists);
    return isAmong(this.#keys, keyOf(aggregate, id));
  }

  /** The segments that may have commits of it. */
  holding(aggregate: string, id: string): readonly AnchoredSegment[] {
    if (!this.mayHold(aggregate, id)) return [];
    const key = keyOf(aggregate, id);
    return this.segments.filter((segment) => segment.mayHold(key));
  }

  #take({ sequence, recordedAtMs, events }: RecordedCommit): void {
    if (sequence <= this.#sequence) return;
    this.#sequence = sequence;
    for (const unparsed of events) {
      const event = ArchiveEvent.safeParse(unparsed).data;
      if (event !== undefined) this.#apply(event, recordedAtMs);
    }
  }

  #apply(event: ArchiveEvent, recordedAtMs: number): void {
    switch (event.type) {
      case 'segment-archived':
        this.#add(event.segment, recordedAtMs);
        return;
      case 'segment-purged': {
        const segment = this.#segments.get(event.number);
        if (segment !== undefined) this.#segments.set(event.number, { ...segment, isPurged: true });
        return;
      }
      case 'archive-run-requested':
        this.#run = { run: event.run, requestedAtMs: recordedAtMs, ...NOTHING };
        return;
      case 'archive-run-finished': {
        const { type: _type, ...counts } = event;
        const { requestedAtMs } = this.#run?.run === event.run ? this.#run : {};
        this.#run = { ...counts, requestedAtMs, finishedAtMs: recordedAtMs };
        return;
      }
      default:
        event satisfies never;
    }
  }

  #add({ keys, ...segment }: ArchivedSegment, anchoredAtMs: number): void {
    const set = new KeySet(keys);
    const mayHold = (key: number): boolean => set.has(key);
    this.#segments.set(segment.number, { ...segment, anchoredAtMs, isPurged: false, mayHold });
    this.#keyLists.push(Float64Array.from(set));
    this.#keys = undefined;
  }
}

const NOTHING = { segments: 0, aggregates: 0, commits: 0 };

function merged(lists: Float64Array[]): Float64Array {
  const all = new Float64Array(lists.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const list of lists) {
    all.set(list, at);
    at += list.length;
  }
  all.sort();
  lists.splice(0, lists.length, all);
  return all;
}

function isAmong(sorted: Float64Array, key: number): boolean {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = sorted[middle] ?? Number.POSITIVE_INFINITY;
    if (found === key) return true;
    if (found < key) low = middle + 1;
    else high = middle;
  }
  return false;
}
