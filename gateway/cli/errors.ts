import { OrreryError } from '@orrery/bus/errors';

/** The command line, or a file it names, is not what it must be. */
export class UsageWrong extends OrreryError {
  override readonly name = 'UsageWrong';
  readonly code = 'cli.usage';
  readonly isRetryable = false;
}

/** There is no profile to sign in with, or it is not one. */
export class ProfileUnusable extends OrreryError {
  override readonly name = 'ProfileUnusable';
  readonly code = 'cli.profile-unusable';
  readonly isRetryable = false;
}

/** Nothing answers to that id or name. */
export class NothingFound extends OrreryError {
  override readonly name = 'NothingFound';
  readonly code: string;
  readonly isRetryable = false;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A name that several live sessions bear. */
export class NameAmbiguous extends OrreryError {
  override readonly name = 'NameAmbiguous';
  readonly code = 'cli.name-ambiguous';
  readonly isRetryable = false;
}

/** What was waited for ended in another way. */
export class OutcomeUnwanted extends OrreryError {
  override readonly name = 'OutcomeUnwanted';
  readonly code: string;
  readonly isRetryable = false;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Somebody pressed Ctrl-C, or asked the process to end. */
export class Interrupted extends OrreryError {
  override readonly name = 'Interrupted';
  readonly code = 'cli.interrupted';
  readonly isRetryable = false;
}

/** Whoever read standard output has gone, as `head` does. */
export class OutputClosed extends OrreryError {
  override readonly name = 'OutputClosed';
  readonly code = 'cli.output-closed';
  readonly isRetryable = false;
}

/** Standard output cannot be written, as on a full disk. */
export class OutputFailed extends OrreryError {
  override readonly name = 'OutputFailed';
  readonly code = 'cli.output-failed';
  readonly isRetryable = false;
}
