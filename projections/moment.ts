/** Where and when an event stands in the log. */
export interface Moment {
  /** Of its aggregate. */
  readonly id: string;
  /** Of the event in its aggregate, from 1. */
  readonly revision: number;
  /** Of its commit in the whole log. */
  readonly sequence: number;
  readonly recordedAtMs: number;
}

/** What every row keeps of the newest event that it holds. */
export function placeOf({ revision, sequence }: Moment): {
  readonly revision: number;
  readonly sequence: number;
} {
  return { revision, sequence };
}

/** The last instant that ISO 8601 text of a `Date` can tell. */
const INSTANT_MS_MAX = 8.64e15;

/** A whole instant that PostgreSQL and `Date` can hold: agents send any number. */
export function instantMs(ms: number): number {
  return Math.min(Math.max(Math.trunc(ms), 0), INSTANT_MS_MAX);
}

export function isoInstant(ms: number): string {
  return new Date(instantMs(ms)).toISOString();
}
