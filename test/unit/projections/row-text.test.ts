import { known } from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { arrayLiteral, type RowValues } from '../../../projections/array-literal.ts';
import { copyText } from '../../../projections/copy-connection.ts';
import { parametersOf } from '../../../projections/row-writing.ts';
import { tables } from '../../../projections/tables.ts';

const PLAIN = { property: 'value', type: 'text' } as const;
const JSON_COLUMN = { property: 'value', type: 'jsonb' } as const;

const writing = suite('row text: what PostgreSQL is sent');

writing('an array holds any text, absent values, numbers and truth', () => {
  const rows = ['', 'a,b', '{"x"}', 'back\\slash', 'NULL', null, undefined].map((value) => ({
    value,
  }));
  assert.is(
    arrayLiteral(PLAIN, rows),
    String.raw`{"","a,b","{\"x\"}","back\\slash","NULL",NULL,NULL}`,
  );
  const numbers = [{ value: 1 }, { value: -2.5 }, { value: true }];
  assert.is(arrayLiteral(PLAIN, numbers), '{1,-2.5,true}');
  assert.is(arrayLiteral(PLAIN, []), '{}');
});

writing('a member of an array that is read as PostgreSQL does is the text that went in', () => {
  const whole = fc.property(fc.string({ unit: 'grapheme' }), (text) => {
    if (text.includes('\0')) return;
    assert.is(memberOf(arrayLiteral(PLAIN, [{ value: text }])), text);
    const value = { [text]: [text, '\n"\\'] };
    assert.equal(JSON.parse(memberOf(arrayLiteral(JSON_COLUMN, [{ value }]))), value);
  });
  fc.assert(whole, { numRuns: 300 });
});

/** The one member of an array literal, as the server reads it: a backslash gives the next character. */
function memberOf(literal: string): string {
  return literal.slice(2, -2).replaceAll(/\\(.)/gsu, '$1');
}

writing('lines of COPY keep tabs, line ends and backslashes inside their field', () => {
  const row = { sessionId: 'a\tb\\c\nd\r', isWaiting: false, missingSlots: { cpu: '1' } };
  const [line = '', rest] = copyText(tables.queue, [row]).split('\n');
  assert.is(rest, '');
  const [sessionId, isWaiting, attempt] = line.split('\t');
  assert.is(sessionId, String.raw`a\tb\\c\nd\r`);
  assert.is(isWaiting, 'false');
  assert.is(attempt, String.raw`\N`);
  assert.ok(line.includes('{"cpu":"1"}'));
});

writing('an update carries the key and what changes, an insert all; the last of two counts', () => {
  const rows: readonly RowValues[] = [
    { id: 'k/1', agentId: 'old', isReleased: false, heldUntilMs: null, sequence: 1 },
    { id: 'k/1', agentId: 'old', isReleased: true, heldUntilMs: 7, sequence: 2 },
  ];
  const table = tables.allocations;
  assert.equal(parametersOf({ table, mode: 'update', rows }), ['{"k/1"}', '{true}', '{7}', '{2}']);
  const inserted = parametersOf({ table, mode: 'insert', rows });
  assert.is(inserted.length, table.columns.length);
  assert.is(known(inserted[0]), '{"k/1"}');
});

writing.run();
