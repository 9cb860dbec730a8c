import { preferredSharedMemory, refusalOfDevices, refusalOfKernel, type Slots } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const GIB = 2 ** 30;
const rules = suite('kernel rules: what one kernel may ask for');

function refusal(
  slots: Slots,
  more: { readonly labels?: Record<string, string>; readonly sharedMemoryBytes?: number } = {},
): string {
  const found = refusalOfKernel({ slots, labels: {}, ...more });
  return found === undefined ? 'accepted' : `${found.code} ${found.slot}`;
}

rules('whole devices, shares and slices of one device exclude each other', () => {
  const plain = { cpu: '1', mem: String(GIB) };
  const of = (devices: Slots): string => refusal({ ...plain, ...devices });
  assert.is(of({ 'cuda.device': '1', 'cuda.shares': '0.5' }), 'slots-exclusive cuda.shares');
  assert.is(of({ 'cuda.mig-10g': '1', 'cuda.device': '1' }), 'slots-exclusive cuda.device');
  assert.is(of({ 'rocm.device': '1', 'rocm.shares': '1' }), 'slots-exclusive rocm.shares');
  assert.is(of({ 'cuda.device': '1', 'cuda.shares': '0' }), 'accepted');
  assert.is(of({ 'cuda.device': '1', 'rocm.device': '1' }), 'accepted');
  assert.is(of({ 'cuda.mig-10g': '1', 'cuda.mig-20g': '1' }), 'accepted');
});

rules('devices are whole, shares are hundredths, of a slice there is exactly one', () => {
  assert.is(refusal({ 'cuda.device': '0.5' }), 'slot-not-whole cuda.device');
  assert.is(refusal({ 'cuda.shares': '0.005' }), 'slot-not-multiple cuda.shares');
  assert.is(refusal({ 'cuda.shares': '0.25' }), 'accepted');
  assert.is(refusal({ 'cuda.mig-10g': '2' }), 'slot-not-one cuda.mig-10g');
  assert.is(refusal({ cpu: '0.5' }), 'accepted');
  assert.is(refusalOfDevices({ cpu: '0.001', mem: '1' }), undefined);
});

rules('shared memory is less than the memory', () => {
  assert.is(
    refusal({ mem: '64' }, { sharedMemoryBytes: 64 }),
    'shared-memory-too-large shared-memory',
  );
  assert.is(refusal({ mem: '65' }, { sharedMemoryBytes: 64 }), 'accepted');
});

rules('less than the image needs is refused, the shared memory counted on top', () => {
  const labels = {
    'ai.backend.resource.min.cpu': '2',
    'ai.backend.resource.min.mem': '1g',
    'ai.backend.resource.min.cuda.device': '1',
  };
  const enough = { cpu: '2', mem: String(GIB), 'cuda.device': '1' };
  assert.is(refusal(enough, { labels }), 'accepted');
  assert.is(refusal({ ...enough, cpu: '1.999' }, { labels }), 'below-image-minimum cpu');
  assert.is(refusal(enough, { labels, sharedMemoryBytes: 1 }), 'below-image-minimum mem');
  assert.is(refusal({ cpu: '2', mem: String(GIB) }, { labels }), 'below-image-minimum cuda.device');
});

rules('more than the image takes is refused, and labels that are no amounts say nothing', () => {
  const labels = {
    'ai.backend.resource.max.cpu': '4',
    'ai.backend.resource.max.mem': '2g',
    'ai.backend.resource.max.cuda.device': 'many',
  };
  assert.is(
    refusal({ cpu: '4', mem: String(2 * GIB), 'cuda.device': '9' }, { labels }),
    'accepted',
  );
  assert.is(refusal({ cpu: '4.001', mem: '1' }, { labels }), 'above-image-maximum cpu');
  assert.is(refusal({ cpu: '1', mem: String(2 * GIB + 1) }, { labels }), 'above-image-maximum mem');
});

rules('an image may prefer an amount of shared memory', () => {
  const label = 'ai.backend.resource.preferred.shmem';
  assert.is(preferredSharedMemory({ [label]: '64m' }), 64 * 2 ** 20);
  assert.is(preferredSharedMemory({ [label]: '0' }), undefined);
  assert.is(preferredSharedMemory({ [label]: 'a lot' }), undefined);
  assert.is(preferredSharedMemory({}), undefined);
});

rules.run();
