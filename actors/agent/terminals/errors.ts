import { OrreryError } from '@orrery/bus';

/** The shell that was to be gone on with has ended, and how is forgotten. */
export class TerminalEnded extends OrreryError {
  override readonly name = 'TerminalEnded';
  readonly code = 'terminal-ended';
  readonly isRetryable = false;

  constructor(terminal: string) {
    super(`the shell of the terminal ${terminal} has ended`);
  }
}

/** Who may only look on begins no shell. */
export class TerminalNotFound extends OrreryError {
  override readonly name = 'TerminalNotFound';
  readonly code = 'terminal-not-found';
  readonly isRetryable = false;

  constructor(terminal: string) {
    super(`no shell runs in the terminal ${terminal}, and who looks on begins none`);
  }
}

export class TooManyTerminals extends OrreryError {
  override readonly name = 'TooManyTerminals';
  readonly code = 'too-many-terminals';
  readonly isRetryable = false;

  constructor(terminalsMax: number) {
    super(`the session has ${terminalsMax} terminals already`);
  }
}

export class TooManyViewers extends OrreryError {
  override readonly name = 'TooManyViewers';
  readonly code = 'too-many-viewers';
  readonly isRetryable = false;

  constructor(viewersMax: number) {
    super(`${viewersMax} look at this terminal already`);
  }
}

export class RecordingNotFound extends OrreryError {
  override readonly name = 'RecordingNotFound';
  readonly code = 'recording-not-found';
  readonly isRetryable = false;

  constructor(name: string, options?: { readonly cause: unknown }) {
    super(`there is no recording ${name}, or not any more`, options);
  }
}
