import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failureOfErrors, failureOfResponse } from '../../../gateway/client/response.ts';

const graphqlError = (code: string, more: object = {}): readonly unknown[] => [
  { message: 'It says why.', extensions: { code, ...more } },
];

const kinds = suite('client: kinds of failures');

kinds('a log that may come later is asked for again, and a lost one is not', () => {
  const passing = { isRetryable: true, status: 503 };
  const broken = { ...passing, details: { reason: 'bus.stream-failed' } };
  const lost = { ...passing, details: { reason: 'kernel-not-found' } };
  assert.is(failureOfErrors(graphqlError('LOGS_UNAVAILABLE', broken)).isRetryable, true);
  assert.is(failureOfErrors(graphqlError('LOGS_UNAVAILABLE', lost)).isRetryable, false);
});

kinds('who is not known, what is not there and what is refused are told apart', () => {
  const names = [
    'TOKEN_EXPIRED',
    'SESSION_NOT_FOUND',
    'INPUT_INVALID',
    'UNAVAILABLE',
    'INTERNAL',
  ].map(
    (code) => failureOfErrors(graphqlError(code, code === 'INTERNAL' ? { status: 500 } : {})).name,
  );
  assert.equal(names, [
    'SignInRefused',
    'NotFound',
    'OperationRefused',
    'GatewayFailed',
    'GatewayFailed',
  ]);
});

kinds('a code, a field and a sentence come through', () => {
  const failure = failureOfErrors(graphqlError('INPUT_INVALID', { field: 'after' }));
  assert.equal(
    [failure.code, failure.field, failure.message],
    ['INPUT_INVALID', 'after', 'It says why.'],
  );
});

kinds('a problem document is read as well', () => {
  const body = JSON.stringify({
    type: 'https://api.backend.ai/probs/auth-failed',
    title: 'Credential/signature mismatch.',
    msg: 'The signature does not match.',
  });
  const failure = failureOfResponse({ status: 401, body }, 'sign-in');
  assert.equal(
    [failure.name, failure.code, failure.message],
    ['SignInRefused', 'auth-failed', 'The signature does not match.'],
  );
});

kinds('a page of a proxy is told by its status', () => {
  const failure = failureOfResponse({ status: 502, body: '<html>' }, 'viewer');
  assert.equal([failure.code, failure.isRetryable], ['http.502', true]);
});

kinds.run();
