import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ANONYMOUS, RATE_WINDOW_MS, RequestRates } from '../../../gateway/auth/request-rates.ts';
import { SeenSignatures } from '../../../gateway/auth/seen-signatures.ts';
import { RequestFailed } from '../../../gateway/errors.ts';

const NOW_MS = 1_700_000_040_000;

function codeOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    assert.instance(error, RequestFailed);
    return (error as RequestFailed).code;
  }
}

const rating = suite('request rates: a window of fifteen minutes');

rating('lets in as many as the limit, says how many are left, and then refuses', () => {
  const rates = new RequestRates();
  for (let index = 0; index < 5; index++) {
    const headers = {};
    rates.admit(headers, { holder: 'AKIA1', limit: 5, nowMs: NOW_MS + index });
    assert.equal(rates.allowanceOf(headers), { limit: 5, remaining: 4 - index });
  }
  const headers = {};
  const again = () => rates.admit(headers, { holder: 'AKIA1', limit: 5, nowMs: NOW_MS + 10 });
  assert.is(codeOf(again), 'RATE_LIMITED');
  assert.equal(rates.allowanceOf(headers), { limit: 5, remaining: 0 });
  assert.is(
    codeOf(() => rates.admit({}, { holder: 'AKIA2', limit: 5, nowMs: NOW_MS })),
    undefined,
  );
  assert.equal(rates.allowanceOf({}), ANONYMOUS);
});

rating('lets in again after the time that the refusal names, and not before', () => {
  const rates = new RequestRates();
  const admit = (nowMs: number) => () => rates.admit({}, { holder: 'AKIA1', limit: 1, nowMs });
  admit(NOW_MS)();
  let retryAfterMs = 0;
  try {
    admit(NOW_MS + 5)();
  } catch (error) {
    retryAfterMs = (error as RequestFailed).retryAfterMs ?? 0;
  }
  assert.ok(retryAfterMs > RATE_WINDOW_MS - 60_000 && retryAfterMs <= RATE_WINDOW_MS);
  assert.is(codeOf(admit(NOW_MS + 5 + retryAfterMs - 1)), 'RATE_LIMITED');
  assert.is(codeOf(admit(NOW_MS + 5 + retryAfterMs)), undefined);
});

rating('counts nothing of long ago, and survives a clock that goes back', () => {
  const rates = new RequestRates();
  const admit = (nowMs: number) => () => rates.admit({}, { holder: 'AKIA1', limit: 1, nowMs });
  admit(NOW_MS)();
  assert.is(codeOf(admit(NOW_MS + 10 * RATE_WINDOW_MS)), undefined);
  assert.is(codeOf(admit(NOW_MS)), 'RATE_LIMITED');
});

rating.run();

const seeing = suite('signatures: each is taken once');

seeing('a second time is refused, whatever else the request says', () => {
  const seen = new SeenSignatures();
  const signed = { signature: 'ab', atMs: NOW_MS };
  seen.admit(signed, NOW_MS);
  assert.is(
    codeOf(() => seen.admit(signed, NOW_MS + 1)),
    'SIGNATURE_REPLAYED',
  );
  assert.is(
    codeOf(() => seen.admit({ ...signed, signature: 'cd' }, NOW_MS)),
    undefined,
  );
});

seeing('is remembered for as long as its date is good', () => {
  const seen = new SeenSignatures();
  const signed = { signature: 'ab', atMs: NOW_MS + 14 * 60_000 };
  seen.admit(signed, NOW_MS);
  const late = NOW_MS + 28 * 60_000;
  assert.is(
    codeOf(() => seen.admit(signed, late)),
    'SIGNATURE_REPLAYED',
  );
});

seeing('when too many are remembered the oldest dates are good no more', () => {
  const seen = new SeenSignatures(100);
  const at = (index: number) => ({ signature: `s${index}`, atMs: NOW_MS + index * 100 });
  for (let index = 0; index < 1_000; index++) seen.admit(at(index), NOW_MS + index * 100);
  for (const index of [0, 500, 880])
    assert.is(
      codeOf(() => seen.admit(at(index), NOW_MS + 100_000)),
      'SIGNATURE_EXPIRED',
    );
  assert.is(
    codeOf(() => seen.admit(at(999), NOW_MS + 100_000)),
    'SIGNATURE_REPLAYED',
  );
  assert.is(
    codeOf(() => seen.admit({ ...at(999), signature: 'x' }, NOW_MS + 100_000)),
    undefined,
  );
});

seeing.run();
