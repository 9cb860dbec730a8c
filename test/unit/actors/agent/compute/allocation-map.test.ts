import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bigNode, devicesOn, give, kindOf, ledgerOf, refusalOf } from './map-bench.ts';

const whole = suite('device map: whole devices and cores');

const ids = (devices: Readonly<Record<string, string>> | undefined) => Object.keys(devices ?? {});

whole('devices are mixed over the NUMA nodes, or taken from one, as the policy says', () => {
  const mixed = give(ledgerOf(bigNode()), 'k', { 'cuda.device': '2' });
  assert.equal(ids(mixed['cuda.device']), ['0', '4']);
  const ledger = ledgerOf(bigNode(), { policy: 'prefer-single-node' });
  assert.equal(ids(give(ledger, 'a', { 'cuda.device': '3' })['cuda.device']), ['0', '1', '2']);
  assert.equal(ids(give(ledger, 'b', { 'cuda.device': '2' })['cuda.device']), ['4', '5']);
  // Only two are left on each: one node alone cannot hold it.
  assert.equal(ids(give(ledger, 'c', { 'cuda.device': '3' })['cuda.device']), ['3', '6', '7']);
});

whole('cores lie where the GPUs of the kernel lie, whatever is asked for first', () => {
  const ledger = ledgerOf(bigNode(), { policy: 'prefer-single-node' });
  give(ledger, 'a', { cpu: '1', 'cuda.device': '4' });
  const given = give(ledger, 'b', { cpu: '3', mem: '1024', 'cuda.device': '1' });
  assert.equal(given, {
    'cuda.device': { '4': '1' },
    cpu: { '8': '1', '9': '1', '10': '1' },
    mem: { root: '1024' },
  });
});

whole('a NUMA node with GPUs and without cores gives way to one that has both', () => {
  const ledger = ledgerOf(bigNode(), { policy: 'prefer-single-node' });
  ledger.hold('cores', {
    cpu: Object.fromEntries(['0', '1', '2', '3', '4', '5'].map((id) => [id, '1'])),
  });
  ledger.hold('gpu', { 'cuda.device': { '4': '1' } });
  const given = give(ledger, 'k', { cpu: '4', 'cuda.device': '2' });
  assert.equal(ids(given['cuda.device']), ['5', '6']);
  assert.equal(ids(given['cpu']), ['8', '9', '10', '11']);
});

whole('cores beyond those of the near NUMA node come from the others', () => {
  const ledger = ledgerOf(bigNode(), { policy: 'prefer-single-node' });
  const given = give(ledger, 'k', { cpu: '10', 'cuda.device': '1' });
  assert.equal(ids(given['cpu']).slice(0, 8), ['0', '1', '2', '3', '4', '5', '6', '7']);
  assert.is(ids(given['cpu']).length, 10);
});

whole('a part of a core is shared, and whole cores are one kernel alone', () => {
  const ledger = ledgerOf(bigNode());
  assert.equal(give(ledger, 'a', { cpu: '0.5' })['cpu'], { '0': '0.5' });
  const both = give(ledger, 'b', { cpu: '1.5' })['cpu'];
  assert.equal(both, { '0': '0.5', '8': '1' });
});

whole('scattered parts of cores serve when no whole core is left', () => {
  const kinds = [
    kindOf({ key: 'cpu', rule: 'cores', devices: devicesOn('cpu', { nodes: 1, each: 2 }) }),
  ];
  const ledger = ledgerOf(kinds);
  ledger.hold('a', { cpu: { '0': '0.5', '1': '0.25' } });
  assert.equal(give(ledger, 'b', { cpu: '1' })['cpu'], { '1': '0.75', '0': '0.25' });
  assert.is(refusalOf(ledger, { cpu: '0.5' }), 'insufficient-resource');
});

whole('what is reserved of the first cores and of memory is nobody’s', () => {
  const ledger = ledgerOf(bigNode(), { reserved: { cpu: '1.5', mem: '1024' } });
  assert.is(ledger.offer()['cpu'], '14.5');
  assert.is(ledger.offer()['mem'], String(64 * 1024 ** 3 - 1024));
  const given = give(ledger, 'k', { cpu: '14', mem: ledger.offer()['mem'] ?? '' });
  assert.not.ok(ids(given['cpu']).includes('0'));
  assert.not.ok(ids(given['cpu']).includes('1'));
  assert.equal(Object.keys(ledger.holders()), ['k']);
});

whole('over-commitment gives each core to more than one', () => {
  const devices = devicesOn('cpu', { nodes: 1, each: 2, capacity: 2000n });
  const ledger = ledgerOf([kindOf({ key: 'cpu', rule: 'cores', devices })]);
  assert.equal(give(ledger, 'a', { cpu: '2' })['cpu'], { '0': '1', '1': '1' });
  assert.equal(give(ledger, 'b', { cpu: '2' })['cpu'], { '0': '1', '1': '1' });
  assert.is(refusalOf(ledger, { cpu: '1' }), 'insufficient-resource');
});

whole('filling takes all of one device before the next', () => {
  const devices = devicesOn('x.device', { nodes: 1, each: 2, capacity: 4000n });
  const filling = kindOf({ key: 'x', rule: 'whole', spread: 'fill', devices });
  assert.equal(give(ledgerOf([filling]), 'a', { 'x.device': '5' })['x.device'], {
    '0': '4',
    '1': '1',
  });
  const even = kindOf({ key: 'x', rule: 'whole', devices });
  assert.equal(give(ledgerOf([even]), 'a', { 'x.device': '5' })['x.device'], {
    '0': '3',
    '1': '2',
  });
});

whole(
  'the order of allocation decides which kind the others follow; one not named comes last',
  () => {
    const strange = kindOf({
      key: 'odd',
      rule: 'whole',
      devices: devicesOn('odd.device', { nodes: 2, each: 1 }),
    });
    const ledger = ledgerOf([...bigNode(), strange], { policy: 'prefer-single-node' });
    ledger.hold('a', { 'cuda.device': { '0': '1' } });
    const given = give(ledger, 'k', { 'odd.device': '1', cpu: '1', 'cuda.device': '1' });
    assert.equal(given['odd.device'], { '1': '1' });
    assert.equal(given['cpu'], { '8': '1' });
  },
);

for (const [what, slots, code] of [
  ['a slot that is not here', { 'rocm.device': '1' }, 'unsupported-resource'],
  ['part of a whole device', { 'cuda.device': '0.5' }, 'invalid-resource-argument'],
  ['more than there is', { 'cuda.device': '9' }, 'insufficient-resource'],
  ['more memory than there is', { mem: String(65 * 1024 ** 3) }, 'insufficient-resource'],
] as const)
  whole(`${what} is refused and takes nothing`, () => {
    const ledger = ledgerOf(bigNode());
    assert.is(refusalOf(ledger, { cpu: '1', ...slots }), code);
    assert.equal(ledger.holders(), {});
    assert.equal(ledger.offer(), ledgerOf(bigNode()).offer());
  });

whole('a slot of which nothing is asked for need not be here', () => {
  assert.equal(give(ledgerOf(bigNode()), 'k', { cpu: '1', 'rocm.device': '0' }), {
    cpu: { '0': '1' },
  });
});

whole('slots that exclude each other are not given together, and unique ones once', () => {
  const devices = [
    ...devicesOn('cuda.device', { nodes: 1, each: 1 }),
    ...devicesOn('cuda.mig-1g-10gb', { nodes: 1, each: 3 }),
    ...devicesOn('cuda.mig-2g-20gb', { nodes: 1, each: 1 }),
  ];
  const ledger = ledgerOf([
    kindOf({
      key: 'cuda',
      rule: 'whole',
      devices,
      uniqueSlots: ['cuda.mig-*'],
      exclusiveSlots: ['cuda.mig-*', 'cuda.device', 'cuda.shares'],
    }),
  ]);
  const code = (slots: Record<string, string>) => refusalOf(ledger, slots);
  assert.is(code({ 'cuda.device': '1', 'cuda.mig-1g-10gb': '1' }), 'invalid-resource-combination');
  assert.is(
    code({ 'cuda.mig-2g-20gb': '1', 'cuda.mig-1g-10gb': '1' }),
    'invalid-resource-combination',
  );
  assert.is(code({ 'cuda.mig-1g-10gb': '2' }), 'invalid-resource-argument');
  assert.is(code({ 'cuda.mig-1g-10gb': '1' }), 'given');
});

whole('a device that two kernels were found with is named, and given to no third', () => {
  const ledger = ledgerOf(bigNode());
  ledger.hold('a', { 'cuda.device': { '0': '1' } });
  ledger.hold('b', { 'cuda.device': { '0': '1' } });
  assert.equal(ledger.overdrafts(), [{ slot: 'cuda.device', device: '0', holders: ['a', 'b'] }]);
  assert.is(ids(give(ledger, 'c', { 'cuda.device': '7' })['cuda.device']).length, 7);
  assert.is(refusalOf(ledger, { 'cuda.device': '1' }), 'insufficient-resource');
  ledger.free('a');
  assert.equal(ledger.overdrafts(), []);
});

whole('a device that is gone is offered no more and stays held until it is freed', () => {
  const ledger = ledgerOf(bigNode());
  give(ledger, 'k', { 'cuda.device': '1' });
  const [cpu, mem, cuda] = bigNode();
  if (cpu === undefined || mem === undefined || cuda === undefined) throw new Error('no kinds');
  ledger.replaceKinds([cpu, mem, { ...cuda, devices: cuda.devices.slice(1) }]);
  assert.is(ledger.offer()['cuda.device'], '7');
  assert.equal(ledger.find('k'), { 'cuda.device': { '0': '1' } });
  ledger.replaceKinds(bigNode());
  assert.is(refusalOf(ledger, { 'cuda.device': '8' }), 'insufficient-resource');
  ledger.free('k');
  assert.is(refusalOf(ledger, { 'cuda.device': '8' }), 'given');
});

whole.run();

const shares = suite('device map: shares of devices');

const shared = (more: Partial<Parameters<typeof kindOf>[0]> = {}, each = 4) =>
  ledgerOf([
    kindOf({
      key: 'cuda',
      rule: 'shares',
      devices: devicesOn('cuda.shares', { nodes: 1, each, capacity: 10_000n }),
      ...more,
    }),
  ]);
const request = (amount: string) => ({ 'cuda.shares': amount });

shares('a share goes to the fullest device on which it fits', () => {
  const ledger = shared();
  give(ledger, 'a', request('4'));
  give(ledger, 'b', request('0.5'));
  assert.equal(ledger.find('b'), { 'cuda.shares': { '0': '0.5' } });
  give(ledger, 'c', request('7'));
  assert.equal(Object.keys(ledger.find('c')?.['cuda.shares'] ?? {}), ['1']);
  give(ledger, 'd', request('3'));
  assert.equal(ledger.find('d'), { 'cuda.shares': { '1': '3' } });
});

shares('more than one device can hold lies evenly on as few as can be', () => {
  const ledger = shared();
  assert.equal(give(ledger, 'a', request('14'))['cuda.shares'], { '0': '7', '1': '7' });
  assert.equal(give(shared(), 'a', request('10.1'))['cuda.shares'], { '0': '5.1', '1': '5' });
});

shares('small rooms are filled first when it cannot be even', () => {
  const ledger = shared({}, 2);
  ledger.hold('x', { 'cuda.shares': { '0': '8' } });
  assert.equal(give(ledger, 'a', request('11'))['cuda.shares'], { '0': '2', '1': '9' });
});

shares('filling takes the rest of a device before the next', () => {
  const ledger = shared({ spread: 'fill' });
  assert.equal(give(ledger, 'a', request('14'))['cuda.shares'], { '0': '10', '1': '4' });
});

shares('an amount that is no multiple of the quantum is refused', () => {
  assert.is(refusalOf(shared(), request('0.05')), 'not-multiple-of-quantum');
  assert.is(refusalOf(shared(), request('0.25')), 'not-multiple-of-quantum');
  assert.is(refusalOf(shared({ quantum: 250n }), request('0.25')), 'given');
});

shares('where pieces are not wanted, a share is in one piece or in equal ones', () => {
  const ledger = shared({ isFragmentable: false }, 2);
  ledger.hold('x', { 'cuda.shares': { '0': '6', '1': '6' } });
  assert.is(refusalOf(ledger, request('5')), 'fractional-resource-fragmented');
  assert.is(refusalOf(ledger, request('9')), 'insufficient-resource');
  const free = shared({ isFragmentable: false }, 4);
  assert.equal(give(free, 'a', request('15'))['cuda.shares'], { '0': '7.5', '1': '7.5' });
  assert.equal(refusalOf(free, request('20.1')), 'fractional-resource-fragmented');
});

shares('a kernel that wants one piece has it also where others may have several', () => {
  const ledger = shared({}, 2);
  ledger.hold('x', { 'cuda.shares': { '0': '6', '1': '6' } });
  const refused = ledger.plan(request('5'), false);
  assert.is(refused.ok || refused.error.code, 'fractional-resource-fragmented');
  assert.ok(ledger.plan(request('4'), false).ok);
  assert.ok(ledger.plan(request('5')).ok);
});

shares.run();
