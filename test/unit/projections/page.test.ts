import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PAGE_ROWS_MAX, pageOf, planPage } from '../../../projections/page.ts';
import { storable, storableJson } from '../../../projections/storable-text.ts';

const order = { name: 'things', value: 'number', key: 'string' } as const;
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

const paging = suite('page: cursors');

paging('a cursor leads to the row behind which the next page begins', () => {
  const plan = planPage({ first: 1 }, order);
  assert.ok(plan.ok);
  const page = pageOf(['a', 'b'], 2, { plan: plan.value, order }, (row) => ({
    value: 7,
    key: row,
  }));
  assert.equal([page.hasNextPage, page.hasPreviousPage, page.edges.length], [true, false, 1]);
  const next = planPage({ first: 1, after: page.edges[0]?.cursor }, order);
  assert.equal(next, { ok: true, value: { first: 1, after: { value: 7, key: 'a' } } });
});

paging('what is no cursor of this order is refused by name', () => {
  const cursors = [
    '',
    'nonsense',
    '\0',
    'e30',
    encode(['others', 7, 'a']),
    encode(['things', 'seven', 'a']),
    encode(['things', 7, 7]),
    encode(['things', 7.5, 'a']),
    encode(['things', 7, 'a\0']),
    encode(['things', 7, 'a', 'more']),
    encode(['things', 7, 'a'.repeat(4_000)]),
  ];
  for (const after of cursors) {
    const plan = planPage({ first: 1, after }, order);
    assert.ok(!plan.ok, after);
    assert.equal([plan.error.code, plan.error.field], ['cursor-invalid', 'after']);
  }
});

paging('a page of no, of too many or of half entries is refused by name', () => {
  for (const first of [0, -1, 0.5, Number.NaN, PAGE_ROWS_MAX + 1]) {
    const plan = planPage({ first }, order);
    assert.ok(!plan.ok, String(first));
    assert.equal([plan.error.code, plan.error.field], ['page-size-invalid', 'first']);
  }
  assert.ok(planPage({ first: PAGE_ROWS_MAX }, order).ok);
});

const storing = suite('storable text: what PostgreSQL takes');

storing('characters that cannot be stored are replaced, others are not', () => {
  assert.is(storable('a\0b\uD800'), 'a\uFFFDb\uFFFD');
  assert.is(storable('\u{1F52D} \\u0000'), '\u{1F52D} \\u0000');
});

storing('they are replaced anywhere in JSON', () => {
  const value = { 'k\0': ['\uDC00', { deep: 'x\0' }, 7, null, '\\u0000'] };
  assert.equal(JSON.parse(storableJson(value)), {
    'k\uFFFD': ['\uFFFD', { deep: 'x\uFFFD' }, 7, null, '\\u0000'],
  });
});

paging.run();
storing.run();
