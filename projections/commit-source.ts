import type { Clock, EventLog, RecordedCommit } from '@orrery/bus';
import { RebuildFailed } from './errors.ts';

/** Commits of one array. */
const COMMITS_MAX = 250;
/** A reading that finds nothing for so long has met the end of the log too early. */
const SILENCE_MS_MAX = 30_000;

export interface CommitRange {
  readonly afterSequence: number;
  /** Of a commit that is there. */
  readonly upToSequence: number;
}

/** All commits of the past in the order of the log, wherever they lie now. */
export interface CommitSource {
  /** @throws {RebuildFailed} when it ends before `upToSequence`. */
  read(range: CommitRange, signal: AbortSignal): AsyncIterable<readonly RecordedCommit[]>;
}

/** What the log itself still holds. */
export function logSource(log: EventLog, clock: Clock): CommitSource {
  return { read: (range, signal) => read(log, clock, { ...range, signal }) };
}

async function* read(
  log: EventLog,
  clock: Clock,
  { afterSequence, upToSequence, signal }: CommitRange & { readonly signal: AbortSignal },
): AsyncGenerator<readonly RecordedCommit[], void> {
  if (afterSequence >= upToSequence) return;
  const patience = new Patience(clock, SILENCE_MS_MAX);
  const ended = AbortSignal.any([signal, patience.signal]);
  let reached = afterSequence;
  try {
    for await (const commits of log.follow({
      afterSequence,
      commitsMax: COMMITS_MAX,
      signal: ended,
    })) {
      yield commits.filter(({ sequence }) => sequence <= upToSequence);
      reached = commits.at(-1)?.sequence ?? reached;
      if (reached >= upToSequence) return;
      patience.renew();
    }
  } finally {
    patience.end();
  }
  throw new RebuildFailed(`the log gave nothing between ${reached} and ${upToSequence}`);
}

/** A signal that fires when it was not renewed for a while. */
class Patience {
  readonly #clock: Clock;
  readonly #silenceMsMax: number;
  readonly #expired = new AbortController();
  #waiting = new AbortController();

  constructor(clock: Clock, silenceMsMax: number) {
    this.#clock = clock;
    this.#silenceMsMax = silenceMsMax;
    this.renew();
  }

  get signal(): AbortSignal {
    return this.#expired.signal;
  }

  renew(): void {
    this.end();
    this.#waiting = new AbortController();
    this.#clock.sleep(this.#silenceMsMax, this.#waiting.signal).then(
      () => this.#expired.abort(),
      () => {},
    );
  }

  end(): void {
    this.#waiting.abort();
  }
}
