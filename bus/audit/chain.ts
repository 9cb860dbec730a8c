import type { LogMessage } from '../bus.ts';
import type { RecordedCommit } from '../envelope.ts';
import { MalformedMessage } from '../errors.ts';
import { hashOf, readCommit } from '../message-codec.ts';
import { subjects } from '../subjects.ts';
import { type AuditFault, type CommitPlace, faultAt } from './fault.ts';

/** Hosts that own an aggregate one after the other may disagree about the time by so much. */
export const CLOCK_SKEW_MS_MAX = 60_000;

/** The newest commit of an aggregate so far. */
interface Head {
  readonly hash: string;
  readonly revision: number;
  readonly recordedAtMs: number;
}

/** A message with what its body says, as far as it says anything. */
export interface ReadMessage extends CommitPlace {
  readonly hash: string;
  readonly faults: readonly AuditFault[];
}

/**
 * Walks the hash chains of all aggregates at once, in the order of the log. Keeps about 200 bytes an
 * aggregate. `from` tells whether the log is read from its first commit on; if not, the first commit that
 * is met of an aggregate may be any.
 */
export class ChainWalk {
  readonly #from: 'first-commit' | 'anywhere';
  readonly #heads = new Map<string, Head>();

  constructor(from: 'first-commit' | 'anywhere') {
    this.#from = from;
  }

  get aggregates(): number {
    return this.#heads.size;
  }

  take(message: LogMessage): ReadMessage {
    const commit = decode(message);
    if (commit === undefined) {
      const place = placeOfSubject(message);
      const what = message.body.length === 0 ? 'The message is empty.' : 'The body is no commit.';
      const faults = [faultAt('message-malformed', place, what)];
      return { ...place, hash: hashOf(message.body), faults };
    }
    const { aggregate, aggregateId, firstRevision: revision, sequence, hash } = commit;
    const place = { aggregate, aggregateId, revision, sequence, ...segmentOf(message) };
    const faults = [...nameFaults(message, commit, place), ...this.#follow(commit, place)];
    return { ...place, hash, faults };
  }

  #follow(commit: RecordedCommit, place: CommitPlace): readonly AuditFault[] {
    const { aggregate, aggregateId, firstRevision, hash, recordedAtMs } = commit;
    const key = `${aggregate}.${aggregateId}`;
    const head = this.#heads.get(key);
    const isStart = head === undefined && this.#from === 'anywhere';
    const { revision, hash: previous } = head ?? { revision: 0, hash: '' };
    if (!isStart && firstRevision <= revision) {
      const message = `Revision ${firstRevision} comes again after revision ${revision}.`;
      return [faultAt('revision-repeated', place, message)];
    }
    const last = firstRevision + commit.events.length - 1;
    this.#heads.set(key, { hash, revision: last, recordedAtMs });
    if (isStart) return [];
    const faults: AuditFault[] = [];
    if (firstRevision > revision + 1) {
      const message = `Revision ${firstRevision} follows revision ${revision}: what lay between is not there.`;
      faults.push(faultAt('revision-gap', place, message));
    } else if (commit.previousHash !== previous) {
      const message =
        head === undefined
          ? 'The first commit names a predecessor.'
          : `It does not follow the commit that ends with revision ${revision}, or that one was changed.`;
      faults.push(faultAt('previous-hash-mismatch', place, message));
    }
    if (head !== undefined && recordedAtMs < head.recordedAtMs - CLOCK_SKEW_MS_MAX) {
      const seconds = Math.round((head.recordedAtMs - recordedAtMs) / 1000);
      faults.push(faultAt('time-backwards', place, `It says ${seconds} s before its predecessor.`));
    }
    return faults;
  }
}

function decode(message: LogMessage): RecordedCommit | undefined {
  try {
    return readCommit(message);
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}

function placeOfSubject(message: LogMessage): CommitPlace {
  const [, aggregate, aggregateId] = message.subject.split('.');
  return { aggregate, aggregateId, sequence: message.sequence, ...segmentOf(message) };
}

function segmentOf({ segment }: LogMessage): { readonly segment?: string } {
  return segment === undefined ? {} : { segment };
}

function nameFaults(
  message: LogMessage,
  commit: RecordedCommit,
  place: CommitPlace,
): readonly AuditFault[] {
  const { aggregate, aggregateId } = commit;
  const faults: AuditFault[] = [];
  if (message.subject !== subjects.event(aggregate, aggregateId))
    faults.push(faultAt('subject-mismatch', place, `It lies on the subject ${message.subject}.`));
  if (message.messageId !== undefined && message.messageId !== commit.id)
    faults.push(faultAt('message-id-mismatch', place, `Its message id is ${message.messageId}.`));
  return faults;
}
