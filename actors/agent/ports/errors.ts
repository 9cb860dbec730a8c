import { OrreryError } from '@orrery/bus';

interface Cause {
  readonly cause?: unknown;
}

/** Nothing in the kernel listens there. */
export class PortRefused extends OrreryError {
  override readonly name = 'PortRefused';
  readonly code = 'port-refused';
  readonly isRetryable = true;

  constructor(port: number, options?: Cause) {
    super(`nothing in the session listens at port ${port}`, options);
  }
}

/** There is no way from here to the ports of the kernel. */
export class PortUnreachable extends OrreryError {
  override readonly name = 'PortUnreachable';
  readonly code = 'port-unreachable';
  readonly isRetryable = false;

  constructor(port: number, why: string, options?: Cause) {
    super(`port ${port} of the session cannot be reached: ${why}`, options);
  }
}

/** A connection that was there broke. */
export class PortBroken extends OrreryError {
  override readonly name = 'PortBroken';
  readonly code = 'port-broken';
  readonly isRetryable = true;

  constructor(port: number, options?: Cause) {
    super(`the connection to port ${port} of the session broke`, options);
  }
}
