import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AmountRefused,
  describeSlots,
  toAmount,
  toLimit,
  toSlots,
  toText,
  toVector,
} from '../../../../../actors/scheduler/planning/amounts.ts';

const amounts = suite('scheduler: amounts');
const NAMES = ['cuda.shares', 'cpu', 'mem'];

amounts('cores are counted in thousandths, memory in bytes', () => {
  assert.equal(toVector({ cpu: '1.5', mem: '1073741824' }, NAMES), [0, 1500, 1073741824]);
  assert.equal(toSlots([300, 1500, 1073741824], NAMES), {
    'cuda.shares': '0.3',
    cpu: '1.5',
    mem: '1073741824',
  });
});

amounts('there and back gives the same, for every amount that is counted exactly', () => {
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), fc.maxSafeInteger(), (slot, amount) => {
      assert.is(toAmount(slot, toText(slot, amount)), amount);
    }),
  );
});

amounts('a tenth and two tenths are three tenths', () => {
  assert.is(toAmount('cpu', '0.1') + toAmount('cpu', '0.2'), toAmount('cpu', '0.3'));
});

amounts('the largest that fits 2^53 is taken, one more is refused', () => {
  assert.is(toAmount('mem', '9007199254740991'), Number.MAX_SAFE_INTEGER);
  assert.is(toAmount('cpu', '9007199254740.991'), Number.MAX_SAFE_INTEGER);
  assert.throws(() => toAmount('mem', '9007199254740992'), /larger than can be counted exactly/);
  assert.throws(() => toAmount('cpu', '9007199254740.992'), /larger than can be counted exactly/);
});

amounts('what is no amount is refused by its name', () => {
  for (const text of ['', '1.2345', '1e3', 'x', '0x10', ' 1', 'Infinity', '.5', '1.']) {
    assert.throws(() => toAmount('cpu', text), /cpu = .* is no decimal number/);
  }
  assert.throws(() => toAmount('mem', '1.5'), /not a whole number of bytes/);
  assert.throws(() => toVector({ 'ipu.device': '1' }, NAMES), /ipu.device is no slot/);
  assert.throws(
    () => toText('cpu', 0.5),
    (error: unknown) => error instanceof AmountRefused,
  );
});

amounts('a slot that nobody knows is no matter when nothing of it is asked', () => {
  assert.equal(toVector({ 'ipu.device': '0', cpu: '1' }, NAMES), [0, 1000, 0]);
});

amounts('what a limit does not list is unlimited or nothing', () => {
  const slots = { cpu: '4', mem: 'Infinity' };
  assert.equal(toLimit(slots, NAMES, 'UNLIMITED'), [Infinity, 4000, Infinity]);
  assert.equal(toLimit(slots, NAMES, 'LIMITED'), [0, 4000, Infinity]);
});

amounts('below zero is kept, as a node that shrank has it', () => {
  assert.is(toAmount('cpu', '-1.5'), -1500);
  assert.is(toText('cpu', -1500), '-1.5');
  assert.is(toText('cpu', -1), '-0.001');
});

amounts('a description leaves out nothing and no limit', () => {
  assert.is(describeSlots([0, 1500, Infinity], NAMES), '1.5 cpu');
  assert.is(describeSlots([0, 0, 0], NAMES), 'nothing');
});

amounts.run();
