import { OrreryError } from '@orrery/bus';

export type AppRefusal =
  | 'app-unknown'
  | 'app-not-ours'
  | 'app-definition-invalid'
  | 'app-template-invalid'
  | 'app-argument-disallowed'
  | 'app-environment-disallowed'
  | 'app-prestart-failed'
  | 'app-program-missing'
  | 'app-not-executable'
  | 'app-port-taken'
  | 'app-ended'
  | 'app-port-timeout'
  | 'app-busy';

/** An app was not started or stopped, for a reason that people can do something about. */
export class AppRefused extends OrreryError {
  override readonly name = 'AppRefused';
  readonly code: AppRefusal;
  readonly isRetryable = false;

  constructor(code: AppRefusal, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
