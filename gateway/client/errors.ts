import { OrreryError } from '@orrery/bus/errors';

/** Root of what the client throws. `field` names the input at fault. */
export abstract class ClientError extends OrreryError {
  readonly field: string | undefined = undefined;
}

/** No answer came. What was asked for may have happened, or may yet. */
export class GatewayUnreachable extends ClientError {
  override readonly name = 'GatewayUnreachable';
  readonly code = 'client.gateway-unreachable';
  readonly isRetryable = true;
  /** Nothing was sent: the connection itself was refused. */
  readonly isRefusedConnection: boolean;

  constructor(
    message: string,
    options?: { readonly cause?: unknown; readonly isRefusedConnection?: boolean },
  ) {
    super(message, options);
    this.isRefusedConnection = options?.isRefusedConnection ?? false;
  }
}

/** The parts of a refusal, as the gateway tells them. */
export interface RefusalParts {
  readonly code: string;
  readonly message: string;
  readonly field?: string | null | undefined;
  readonly details?: unknown;
}

/** The gateway understood and said no. Asking again changes nothing. */
export class OperationRefused extends ClientError {
  override readonly name: string = 'OperationRefused';
  readonly code: string;
  readonly isRetryable = false;
  readonly details: unknown;
  override readonly field: string | undefined;

  constructor(parts: RefusalParts, options?: { readonly cause: unknown }) {
    super(parts.message, options);
    this.code = parts.code;
    this.field = parts.field ?? undefined;
    this.details = parts.details;
  }
}

/** The gateway does not know the caller, or not any more. */
export class SignInRefused extends OperationRefused {
  override readonly name = 'SignInRefused';
}

/** There is no such thing, or none that the caller may see. */
export class NotFound extends OperationRefused {
  override readonly name = 'NotFound';
}

/** The gateway, or a part behind it, failed for now. */
export class GatewayFailed extends ClientError {
  override readonly name = 'GatewayFailed';
  readonly code: string;
  readonly isRetryable: boolean;

  constructor(
    parts: { readonly code: string; readonly message: string; readonly isRetryable: boolean },
    options?: { readonly cause: unknown },
  ) {
    super(parts.message, options);
    this.code = parts.code;
    this.isRetryable = parts.isRetryable;
  }
}

/** What answers at the endpoint does not speak as a gateway does. */
export class ResponseUnexpected extends ClientError {
  override readonly name = 'ResponseUnexpected';
  readonly code = 'client.response-unexpected';
  readonly isRetryable = false;
}

/** An input that the client itself can tell is wrong. */
export class InputInvalid extends ClientError {
  override readonly name = 'InputInvalid';
  readonly code = 'client.input-invalid';
  readonly isRetryable = false;
  override readonly field: string | undefined;

  constructor(field: string, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.field = field;
  }
}
