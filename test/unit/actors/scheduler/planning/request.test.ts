import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_GROUP_POLICY } from '../../../../../actors/scheduler/planning/model.ts';
import { checkPresets, remainingOf } from '../../../../../actors/scheduler/planning/presets.ts';
import {
  DEFAULT_SLOT_TYPES,
  type KernelResources,
  requestOf,
} from '../../../../../actors/scheduler/planning/request.ts';
import { parseCases } from './case-file.ts';

const GIB = 2 ** 30;
const request = suite('scheduler: what a kernel asks for');

const kernel = (
  resources: Readonly<Record<string, string>>,
  rest: Partial<KernelResources> = {},
): KernelResources => ({
  resources,
  shmemBytes: 0,
  image: { minimum: { cpu: '1', mem: String(GIB) }, maximum: {} },
  ...rest,
});

const refusal = (asked: KernelResources): string => {
  const result = requestOf(asked);
  return result.ok ? 'accepted' : `${result.error.code}: ${result.error.message}`;
};

request('what is asked for is taken', () => {
  const asked = { cpu: '2.5', mem: String(2 * GIB), 'cuda.shares': '0.001' };
  assert.equal(requestOf(kernel(asked)), { ok: true, value: asked });
});

request('missing cpu and mem come from the image, mem with the shared memory on top', () => {
  assert.equal(requestOf(kernel({}, { shmemBytes: GIB })), {
    ok: true,
    value: { cpu: '1', mem: String(2 * GIB) },
  });
  assert.equal(requestOf(kernel({ cpu: '0', mem: '0' })), {
    ok: true,
    value: { cpu: '1', mem: String(GIB) },
  });
});

request('an unknown slot is refused', () => {
  assert.match(refusal(kernel({ 'npu.device': '1' })), /^unknown-slot: .*npu\.device/);
});

request('less than the image needs is refused, shared memory counted', () => {
  assert.match(
    refusal(kernel({ cpu: '0.5', mem: String(GIB) })),
    /^below-image-minimum: Your resource request is smaller than the minimum required by the image/,
  );
  assert.match(refusal(kernel({ mem: String(GIB) }, { shmemBytes: 1 })), /^below-image-minimum/);
});

request('a device that the image needs has to be asked for', () => {
  const image = { minimum: { 'cuda.device': '1' }, maximum: {} };
  assert.match(refusal(kernel({ cpu: '1', mem: String(GIB) }, { image })), /^below-image-minimum/);
});

request('more than the image takes is refused', () => {
  const image = { minimum: {}, maximum: { cpu: '4' } };
  assert.match(
    refusal(kernel({ cpu: '4.001', mem: String(GIB) }, { image })),
    /^above-image-maximum: .*larger than the maximum/,
  );
  assert.is(refusal(kernel({ cpu: '4', mem: String(GIB) }, { image })), 'accepted');
});

request('shared memory is less than the memory', () => {
  const image = { minimum: { cpu: '1' }, maximum: {} };
  assert.match(
    refusal(kernel({ mem: '64' }, { shmemBytes: 64, image })),
    /^shmem-too-large: Shared memory should be less than the main memory\. \(s:64 B, m:64 B\)/,
  );
  assert.is(refusal(kernel({ mem: '65' }, { shmemBytes: 64, image })), 'accepted');
});

request('cpu and mem are never zero', () => {
  const image = { minimum: {}, maximum: {} };
  assert.match(refusal(kernel({ mem: '1' }, { image })), /^required-slot-missing: .*cpu/);
});

request('whole devices and shares of devices do not go together', () => {
  assert.match(
    refusal(kernel({ 'cuda.device': '1', 'cuda.shares': '0.5' })),
    /^exclusive-slots: cuda\.device and cuda\.shares/,
  );
  assert.is(refusal(kernel({ 'cuda.device': '1', 'cuda.shares': '0' })), 'accepted');
});

request('of a unique slot there is exactly one, and patterns exclude', () => {
  const mig = {
    name: 'cuda.mig-10g',
    kind: 'unique' as const,
    isRequired: false,
    exclusiveWith: [],
  };
  const types = [...DEFAULT_SLOT_TYPES, mig];
  const with_ = (resources: Readonly<Record<string, string>>) => {
    const result = requestOf(kernel(resources), types);
    return result.ok ? 'accepted' : result.error.code;
  };
  assert.is(with_({ 'cuda.mig-10g': '1' }), 'accepted');
  assert.is(with_({ 'cuda.mig-10g': '2' }), 'unique-slot-not-one');
  assert.is(with_({ 'cuda.mig-10g': '0.5' }), 'unique-slot-not-one');
  assert.is(with_({ 'cuda.mig-10g': '1', 'cuda.device': '1' }), 'exclusive-slots');
});

request('amounts below the quantum, below zero and past 2^53 are refused', () => {
  for (const cpu of ['0.0001', '-1', '9007199254741']) {
    assert.match(refusal(kernel({ cpu })), /^amount-refused: cpu = /);
  }
});

request('a preset is allocatable when one such kernel would start now', () => {
  const [only] = parseCases(`# presets
agents
  agent gpu cpu mem
  a     1   4   16
limits
  of       cpu
  user:ann 3
running
  session on cpu
  r1      a  1
queue
  session cpu
  s1      1
`);
  if (only === undefined) throw new Error('no case');
  const [session] = only.situation.pending;
  if (session === undefined) throw new Error('no session');
  const groups = { default: DEFAULT_GROUP_POLICY };
  const situation = { ...only.situation, groups };
  const preset = (name: string, gpu: number, cpu: number) => ({
    name,
    request: [gpu, 0, 0, cpu, GIB],
  });
  const presets = [
    preset('small', 0, 1000),
    preset('gpu', 1000, 1000),
    preset('many', 2000, 1000),
    preset('large', 0, 3000),
    { ...preset('elsewhere', 0, 1000), group: 'other' },
  ];
  assert.equal(checkPresets(situation, session, presets), [
    { name: 'small', isAllocatable: true },
    { name: 'gpu', isAllocatable: true },
    { name: 'many', isAllocatable: false, code: 'never-fits' },
    { name: 'large', isAllocatable: false, code: 'user-resource-limit' },
  ]);
  assert.is(remainingOf(situation, session).user[3], 2000);
  assert.is(remainingOf(situation, session).domain[3], Infinity);
});

request.run();
