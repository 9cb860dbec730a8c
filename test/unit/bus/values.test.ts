import {
  addSlots,
  compareAmounts,
  derivedId,
  missingSlots,
  newId,
  parseByteSize,
  partitionOf,
  Slots,
  subjects,
  subtractSlots,
} from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const slots = suite('slots: exact amounts by name');

const amount = fc
  .tuple(fc.nat({ max: 1_000_000 }), fc.nat({ max: 999 }))
  .map(([whole, thousandths]) => `${whole}.${thousandths.toString().padStart(3, '0')}`);
const amounts = fc.record({ cpu: amount, mem: amount }, { requiredKeys: [] }).map(compact);

function compact(values: { readonly cpu?: string; readonly mem?: string }): Slots {
  return Slots.parse(values);
}

slots('give back what was added when it is taken away', () => {
  fc.assert(
    fc.property(amounts, amounts, (left, right) => {
      const back = subtractSlots(addSlots(left, right), right);
      for (const name of ['cpu', 'mem']) assert.is(compareAmounts(back[name], left[name]), 0);
    }),
  );
});

slots('lack something exactly when more is wanted than there is', () => {
  fc.assert(
    fc.property(amounts, amounts, (wanted, available) => {
      const short = missingSlots(wanted, available);
      for (const name of ['cpu', 'mem'])
        assert.is(name in short, compareAmounts(wanted[name], available[name]) > 0);
      const met = addSlots(available, short);
      assert.equal(missingSlots(wanted, met), {});
    }),
  );
});

slots('refuse names and amounts that are none', () => {
  for (const wrong of [{ CPU: '1' }, { cpu: '-1' }, { cpu: '1.2345' }, { cpu: '1e3' }, { cpu: 1 }])
    assert.is(Slots.safeParse(wrong).success, false);
});

slots('read sizes in powers of 1024', () => {
  assert.is(parseByteSize('512m'), 536_870_912n);
  assert.is(parseByteSize('1.5 GiB'), 1_610_612_736n);
  assert.is(parseByteSize('1073741824'), 1_073_741_824n);
  for (const wrong of ['', 'm', '-1', '1.5', '1 parsec', '12 m m'])
    assert.is(parseByteSize(wrong), undefined);
});

slots.run();

const ids = suite('ids: ordered by time, or the same for the same parts');

ids('sort by the time they were made at', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (left, right) => {
      if (left === right) return;
      assert.is(newId(left) < newId(right), left < right);
    }),
  );
});

ids('are UUIDs, different every time, or the same for ever', () => {
  assert.match(newId(1), /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.is.not(newId(1), newId(1));
  assert.is(derivedId('a', 'b'), derivedId('a', 'b'));
  assert.is.not(derivedId('a', 'b'), derivedId('ab'));
});

ids.run();

const places = suite('subjects: where messages go');

places('spread aggregates evenly over the partitions', () => {
  const counts = new Array<number>(8).fill(0);
  for (let index = 0; index < 8_000; index++) {
    const partition = partitionOf('session', newId(index), 8);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  assert.ok(counts.every((count) => count > 800 && count < 1_200));
});

places('carry the node of an agent in the subject', () => {
  const agent = { kind: 'agent', id: 'n1' } as const;
  assert.is(subjects.command(3, 'session', 's1', agent), 'inbox.3.session.s1.from.n1');
  const user = { kind: 'user', id: 'u1' } as const;
  assert.is(subjects.command(3, 'session', 's1', user), 'inbox.3.session.s1');
});

places.run();
