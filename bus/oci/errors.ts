import { OrreryError } from '../errors.ts';

/** A container registry says no; `message` has its own words. */
export class RegistryRefused extends OrreryError {
  override readonly name = 'RegistryRefused';
  readonly code = 'registry-refused';
  readonly isRetryable: boolean;
  /** HTTP status of its answer. */
  readonly status: number;

  constructor(what: string, answer: { readonly status: number; readonly words: string }) {
    super(`the registry refused ${what}: ${answer.words}`);
    this.status = answer.status;
    this.isRetryable = answer.status >= 500 || answer.status === 429;
  }
}

/** Nothing that a registry would say came back. */
export class RegistryUnavailable extends OrreryError {
  override readonly name = 'RegistryUnavailable';
  readonly code = 'registry-unavailable';
  readonly isRetryable = true;

  constructor(url: string, why: string, options?: { readonly cause: unknown }) {
    super(`the registry ${url} cannot be asked: ${why}`, options);
  }
}
