import type { Caller } from '../auth/may.ts';
import type { Gateway } from '../gateway.ts';
import type { Loaders } from './loaders.ts';

/** What every resolver is given. */
export interface GatewayContext {
  readonly gateway: Gateway;
  readonly caller: Caller;
  /** Where the request comes from. */
  readonly address: string;
  readonly loaders: Loaders;
  /** Fires when the answer is not wanted any more, or at its deadline. */
  readonly signal: AbortSignal;
  /** Trace context of the span that the operation runs in. */
  readonly traceparent: string | undefined;
}
