import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type AnswerPlace,
  headerLines,
  headersFromApp,
  headersToApp,
} from '../../../../gateway/proxy/app-headers.ts';
import { parseAppTarget } from '../../../../gateway/proxy/app-path.ts';
import { addressOf, takeEntry, visitCookie, visitIn } from '../../../../gateway/proxy/entry.ts';

const place = { session: 's1', app: 'jupyter' };
const base = '/apps/s1/jupyter/';
const stripped: AnswerPlace = { place, isAtBasePath: false, host: 'here.test:8090', port: 8080 };
const kept: AnswerPlace = { ...stripped, isAtBasePath: true };

const sent = suite('app proxy: what an app is told');

sent('headers of one connection stay there, and those that name the client are ours', () => {
  const lines = headersToApp(
    [
      ['Host', 'here.test:8090'],
      ['Connection', 'keep-alive, X-Mine'],
      ['X-Mine', '1'],
      ['Transfer-Encoding', 'chunked'],
      ['X-Forwarded-For', '6.6.6.6'],
      ['Expect', '100-continue'],
      ['Accept', 'a'],
      ['Accept', 'b'],
    ],
    { clientAddress: '10.0.0.7', isSecure: true, place },
    [['Connection', 'close']],
  );
  assert.equal(lines, [
    ['Host', 'here.test:8090'],
    ['Accept', 'a'],
    ['Accept', 'b'],
    ['X-Forwarded-For', '10.0.0.7'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', 'here.test:8090'],
    ['X-Forwarded-Prefix', '/apps/s1/jupyter'],
    ['Connection', 'close'],
  ]);
});

sent('our cookie is not for the app, its own are', () => {
  const cookies = (cookie: string) =>
    headersToApp([['Cookie', cookie]], { clientAddress: '', isSecure: false, place }, []).find(
      ([name]) => name === 'Cookie',
    )?.[1];
  assert.is(cookies('a=1; orrery-app=secret; b=2'), 'a=1; b=2');
  assert.is(cookies('orrery-app=secret'), undefined);
});

sent.run();

const answered = suite('app proxy: what an app answers');

for (const [location, ofStripped, ofKept] of [
  ['/tree?a=1', `${base}tree?a=1`, '/tree?a=1'],
  [`${base}tree`, `${base}tree`, `${base}tree`],
  ['tree/x', 'tree/x', 'tree/x'],
  ['http://here.test:8090/tree#x', `${base}tree#x`, '/tree#x'],
  ['http://127.0.0.1:8080/', base, '/'],
  ['//localhost:8080/a', `${base}a`, '/a'],
  ['https://elsewhere.test/a', 'https://elsewhere.test/a', 'https://elsewhere.test/a'],
  ['//elsewhere.test/a', '//elsewhere.test/a', '//elsewhere.test/a'],
] as const)
  answered(`a redirection to ${location} leads where it should`, () => {
    assert.equal(headersFromApp([['Location', location]], stripped), [['Location', ofStripped]]);
    assert.equal(headersFromApp([['Location', location]], kept), [['Location', ofKept]]);
  });

for (const [cookie, ofStripped, ofKept] of [
  ['a=1', `a=1; Path=${base}`, `a=1; Path=${base}`],
  ['a=1; Path=/; HttpOnly', `a=1; HttpOnly; Path=${base}`, `a=1; HttpOnly; Path=${base}`],
  ['a=1; path=/lab', `a=1; Path=${base}lab`, `a=1; Path=${base}`],
  [`a=1; Path=${base}lab`, `a=1; Path=${base}lab`, `a=1; Path=${base}lab`],
  ['a=1; Domain=here.test; Path=/', `a=1; Path=${base}`, `a=1; Path=${base}`],
] as const)
  answered(`the cookie ${cookie} is kept to the app`, () => {
    assert.equal(headersFromApp([['Set-Cookie', cookie]], stripped), [['Set-Cookie', ofStripped]]);
    assert.equal(headersFromApp([['Set-Cookie', cookie]], kept), [['Set-Cookie', ofKept]]);
  });

answered('what would speak for everything at our address is left out', () => {
  const lines = headersFromApp(
    [
      ['Set-Cookie', 'orrery-app=mine; Path=/'],
      ['Clear-Site-Data', '"*"'],
      ['Service-Worker-Allowed', '/'],
      ['Strict-Transport-Security', 'max-age=1'],
      ['Connection', 'close'],
      ['X-Own', '1'],
    ],
    stripped,
  );
  assert.equal(lines, [['X-Own', '1']]);
});

answered('headers come in the order and as often as they were written', () => {
  assert.equal(headerLines(['A', '1', 'b', '2', 'A', '3']), [
    ['A', '1'],
    ['b', '2'],
    ['A', '3'],
  ]);
});

answered.run();

const ways = suite('app proxy: addresses');

ways('an address leads to its app, with the way in beside what the app is asked', () => {
  assert.is(addressOf(place, '', 'T'), `${base}?orrery-entry=T`);
  assert.is(addressOf(place, 'a/b?c=1#d', 'T'), `${base}a/b?c=1&orrery-entry=T#d`);
  assert.equal(takeEntry('?c=1&orrery-entry=T&d=2'), { token: 'T', query: '?c=1&d=2' });
  assert.equal(takeEntry('?orrery-entry=T'), { token: 'T', query: '' });
  assert.is(takeEntry('?c=1'), undefined);
});

ways('a target is taken apart, and what is none leads to no app', () => {
  assert.equal(parseAppTarget(`${base}a/b?c=/d`), { ...place, rest: '/a/b', query: '?c=/d' });
  assert.equal(parseAppTarget('/apps/s1/jupyter'), { ...place, rest: undefined, query: '' });
  for (const target of ['/apps/s1', '/apps//x/', '/other/s1/x/', 'http://a/apps/s1/x/'])
    assert.is(parseAppTarget(target), undefined, target);
});

ways('the cookie is for that app alone, and no script reads it', () => {
  const cookie = visitCookie(place, { token: 'T', isSecure: true, lifeMs: 60_000 });
  assert.is(cookie, `orrery-app=T; Path=${base}; Max-Age=60; HttpOnly; SameSite=Lax; Secure`);
  assert.is(visitIn('a=1; orrery-app=T'), 'T');
  assert.is(visitIn(undefined), undefined);
});

ways.run();
