import { OrreryError } from '@orrery/bus';

export class ProjectionsUnavailable extends OrreryError {
  override readonly name = 'ProjectionsUnavailable';
  readonly code = 'projections.unavailable';
  readonly isRetryable = true;

  constructor(options?: { readonly cause: unknown }) {
    super('the database of the projections does not answer', options);
  }
}
