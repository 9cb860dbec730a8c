import { RequestFailed } from '../../errors.ts';

/** Ends a subscription whose reader stays behind; what it got last tells where to resume. */
export function tooSlow(): RequestFailed {
  return new RequestFailed(
    'SUBSCRIPTION_TOO_SLOW',
    'The client reads more slowly than things happen. Subscribe again after the last item received.',
  );
}
