import { OrreryError } from '@orrery/bus';

export class ProjectionsUnavailable extends OrreryError {
  override readonly name = 'ProjectionsUnavailable';
  readonly code = 'projections.unavailable';
  readonly isRetryable = true;

  constructor(options?: { readonly cause: unknown }) {
    super('the database of the projections does not answer', options);
  }
}

/** Another projector moved the checkpoint, or the database went back behind what it had said. */
export class CheckpointMoved extends OrreryError {
  override readonly name = 'CheckpointMoved';
  readonly code = 'projections.checkpoint-moved';
  readonly isRetryable = true;

  constructor(expected: number) {
    super(`the checkpoint is not at ${expected}, where this projector had left it`);
  }
}

/** The tables hold events that the log does not have: they were made from another log, or it was cut. */
export class LogMismatch extends OrreryError {
  override readonly name = 'LogMismatch';
  readonly code = 'projections.log-mismatch';
  readonly isRetryable = false;
}

export class MigrationMismatch extends OrreryError {
  override readonly name = 'MigrationMismatch';
  readonly code = 'projections.migration-mismatch';
  readonly isRetryable = false;
}

/** A rebuild met nothing more to read although it had not reached the live tables' checkpoint. */
export class RebuildFailed extends OrreryError {
  override readonly name = 'RebuildFailed';
  readonly code = 'projections.rebuild-failed';
  readonly isRetryable = true;
}

/** A database is there and will not have us: a wrong credential, or a certificate that does not hold. */
export class ProjectionsRefused extends OrreryError {
  override readonly name = 'ProjectionsRefused';
  readonly code = 'projections.refused';
  readonly isRetryable = false;

  constructor(why: string, options: { readonly cause: unknown }) {
    super(`the database refuses us (${why}): look at postgres.url and postgres.tls`, options);
  }
}
