/** Every way in which a log can be found to be another than the one that was written. */
export type FaultKind =
  /** The body is no commit: empty, cut, or not JSON. */
  | 'message-malformed'
  /** The subject names another aggregate than the body. */
  | 'subject-mismatch'
  /** The message has another id than its commit. */
  | 'message-id-mismatch'
  /** Commits before this one are not there. */
  | 'revision-gap'
  /** These revisions were there before: a double, or one out of its order. */
  | 'revision-repeated'
  /** It follows another commit than the one before it, or that one was changed. */
  | 'previous-hash-mismatch'
  /** It was recorded before its predecessor. */
  | 'time-backwards'
  /** The log has no message at this sequence. */
  | 'sequence-missing'
  /** The witness holds another body of this commit. */
  | 'commit-altered'
  /** The witness holds this commit, the log does not. */
  | 'commit-missing'
  /** The log holds this commit, the witness does not although it is further. */
  | 'commit-unknown'
  /** The log holds it at another place among its neighbours than the witness. */
  | 'commit-moved'
  /** An archived segment, or its manifest, is not in the store. */
  | 'segment-missing'
  /** The contents of an archived segment are not those that were archived. */
  | 'segment-altered'
  /** The manifest of an archived segment is not the one that was archived. */
  | 'manifest-altered'
  /** An archived segment names another predecessor than the one before it. */
  | 'segment-chain-broken'
  /** The store holds something that was never archived. */
  | 'segment-unknown';

/** What is wrong, and where. */
export interface AuditFault {
  readonly kind: FaultKind;
  readonly aggregate?: string | undefined;
  readonly aggregateId?: string | undefined;
  /** First revision of the commit. */
  readonly revision?: number | undefined;
  /** Place in the log that was read; for what is missing, the place that it had. */
  readonly sequence?: number | undefined;
  /** Name of the archived segment that was read; absent: the stream. */
  readonly segment?: string | undefined;
  /** For people. */
  readonly message: string;
}

/** Aggregate, id and first revision of a commit, as far as they are known. */
export interface CommitPlace {
  readonly aggregate?: string | undefined;
  readonly aggregateId?: string | undefined;
  readonly revision?: number | undefined;
  readonly sequence: number;
  readonly segment?: string | undefined;
}

export function faultAt(kind: FaultKind, place: CommitPlace, message: string): AuditFault {
  const { aggregate, aggregateId, revision, sequence, segment } = place;
  const at = { aggregate, aggregateId, revision, sequence };
  return { kind, ...at, ...(segment === undefined ? {} : { segment }), message };
}
