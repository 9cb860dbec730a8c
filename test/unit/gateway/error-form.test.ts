import { BusUnavailable, Overloaded } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { extensionsOf, failureOf } from '../../../gateway/graphql/error-form.ts';

const failures = suite('failures: what a client is told');

failures('full inboxes are told as 503, with the time after which to ask again', () => {
  const failure = failureOf(new Overloaded('9 commands wait', { retryAfterMs: 1_000 }));
  assert.equal(extensionsOf(failure), {
    code: 'OVERLOADED',
    status: 503,
    isRetryable: true,
    retryAfterMs: 1_000,
  });
});

failures('an absent bus is told apart from a full one', () => {
  assert.is(failureOf(new BusUnavailable('answer')).code, 'UNAVAILABLE');
});

failures.run();
