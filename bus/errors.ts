/** Root of every failure thrown on purpose. `code` is stable; `message` is for people. */
export abstract class OrreryError extends Error {
  abstract readonly code: string;
  /** Whether the same call may succeed later with nobody changing anything. */
  abstract readonly isRetryable: boolean;
}

export class RevisionConflict extends OrreryError {
  override readonly name = 'RevisionConflict';
  readonly code = 'bus.revision-conflict';
  readonly isRetryable = true;

  constructor(subject: string, options?: { readonly cause: unknown }) {
    super(`another writer was first on ${subject}`, options);
  }
}

export class BusUnavailable extends OrreryError {
  override readonly name = 'BusUnavailable';
  readonly code = 'bus.unavailable';
  readonly isRetryable = true;

  constructor(what: string, options?: { readonly cause: unknown }) {
    super(`the bus did not ${what}`, options);
  }
}

/** A server is there and will not have us: a wrong credential, or a certificate that does not hold. */
export class BusRefused extends OrreryError {
  override readonly name = 'BusRefused';
  readonly code = 'bus.refused';
  readonly isRetryable = false;
}

/** Too much waits already; what was asked for was not begun. */
export class Overloaded extends OrreryError {
  override readonly name = 'Overloaded';
  readonly code = 'OVERLOADED';
  readonly isRetryable = true;
  readonly retryAfterMs: number;

  constructor(what: string, options: { readonly retryAfterMs: number }) {
    super(`${what}; ask again in ${options.retryAfterMs} ms`);
    this.retryAfterMs = options.retryAfterMs;
  }
}

export class MalformedMessage extends OrreryError {
  override readonly name = 'MalformedMessage';
  readonly code = 'bus.malformed-message';
  readonly isRetryable = false;

  constructor(subject: string, options?: { readonly cause: unknown }) {
    super(`the message on ${subject} is not what its contract says`, options);
  }
}

export class MessageTooLarge extends OrreryError {
  override readonly name = 'MessageTooLarge';
  readonly code = 'bus.message-too-large';
  readonly isRetryable = false;

  constructor(subject: string, bytes: number, bytesMax: number) {
    super(`a message on ${subject} has ${bytes} bytes; ${bytesMax} is the limit`);
  }
}

/** A two-way stream ended before its end. */
export class StreamBroken extends OrreryError {
  override readonly name = 'StreamBroken';
  readonly code = 'bus.stream-broken';
  readonly isRetryable = true;
}

/** The other side of a stream or request says that it failed; `peerCode` is its own stable code. */
export class PeerFailed extends OrreryError {
  override readonly name = 'PeerFailed';
  readonly code = 'bus.peer-failed';
  readonly isRetryable = false;
  readonly peerCode: string;

  constructor(failure: { readonly code: string; readonly message: string }) {
    super(failure.message);
    this.peerCode = failure.code;
  }
}

export class SettingsInvalid extends OrreryError {
  override readonly name = 'SettingsInvalid';
  readonly code = 'settings.invalid';
  readonly isRetryable = false;
}
