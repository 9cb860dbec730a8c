import { OrreryError } from '../errors.ts';

/** The store of archived segments does not answer, or not as it should. */
export class ArchiveUnavailable extends OrreryError {
  override readonly name = 'ArchiveUnavailable';
  readonly code = 'archive.unavailable';
  readonly isRetryable = true;

  constructor(what: string, options?: { readonly cause: unknown }) {
    super(`the archive could not ${what}`, options);
  }
}

/** An archived segment is not there, or is not the one that was archived. */
export class ArchiveDamaged extends OrreryError {
  override readonly name = 'ArchiveDamaged';
  readonly code = 'archive.damaged';
  readonly isRetryable = false;
  readonly segment: string;

  constructor(segment: string, what: string) {
    super(`the archived segment ${segment} cannot be used: ${what}`);
    this.segment = segment;
  }
}
