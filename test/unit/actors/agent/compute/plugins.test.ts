import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, DEFAULT_ACCELERATOR, parseSettings } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ComputePlugin } from '../../../../../actors/agent/compute/compute-plugin.ts';
import { coresOf, parseCpuList } from '../../../../../actors/agent/compute/cores.ts';
import { parseMockFile } from '../../../../../actors/agent/compute/mock-file.ts';
import { MockPlugin } from '../../../../../actors/agent/compute/mock-plugin.ts';
import { NodeDevices } from '../../../../../actors/agent/compute/node-devices.ts';
import { openDevices } from '../../../../../actors/agent/compute/open-devices.ts';
import { CpuPlugin, MemoryPlugin } from '../../../../../actors/agent/compute/system-plugins.ts';
import { resourceText, scaledSize } from '../../../../../actors/agent/resource-text.ts';
import { within } from '../../../../contract/driver/driver-bench.ts';
import { mockFile, mockText } from '../../../../contract/driver/mock-files.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const GIBIBYTE = 1024 ** 3;
const scratch = mkdtempSync(join(tmpdir(), 'orrery-compute-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

const cores = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, numaNode: id < count / 2 ? 0 : 1 }));

function devicesOf(
  accelerators: readonly ComputePlugin[],
  target: 'container' | 'process' = 'container',
): Promise<NodeDevices> {
  const cpu = new CpuPlugin(cores(4), { overcommit: 1, isPinned: true });
  const plugins = [cpu, new MemoryPlugin(8 * GIBIBYTE, 1), ...accelerators];
  const order = ['cuda', 'cpu', 'mem'];
  return NodeDevices.open(
    { plugins, target, order, policy: 'interleaved', reserved: {}, logger },
    within(),
  );
}

const test = suite('compute plugins');

test('a mock node offers its devices whole, or as the shares that memory and processors allow', async () => {
  const whole = await devicesOf([new MockPlugin(mockFile(8), DEFAULT_ACCELERATOR)]);
  assert.equal(whole.slots, { cpu: '4', mem: String(8 * GIBIBYTE), 'cuda.device': '8' });
  assert.equal(whole.accelerators[4], {
    id: 'GPU-4',
    slot: 'cuda.device',
    amount: '1',
    model: 'Orrery Test GPU',
    memoryBytes: 24 * GIBIBYTE,
    numaNode: 1,
    isolation: 'pretended',
  });
  const fractional = { ...DEFAULT_ACCELERATOR, allocationMode: 'fractional' as const };
  const shared = await devicesOf([new MockPlugin(mockFile(2), fractional)]);
  // 24 GiB are 12 units of 2 GiB, 80 processors are 10 units of 8.
  assert.is(shared.slots['cuda.shares'], '20');
  assert.is(shared.accelerators[0]?.amount, '10');
});

test('a kernel with pretended devices is told which, and one without is told none', async () => {
  const devices = await devicesOf([new MockPlugin(mockFile(2), DEFAULT_ACCELERATOR)]);
  const grant = devices.assign('k', { cpu: '1.5', mem: '1024', 'cuda.device': '1' });
  assert.equal(grant.held, [
    {
      id: 'GPU-0',
      slot: 'cuda.device',
      amount: '1',
      model: 'Orrery Test GPU',
      memoryBytes: 24 * GIBIBYTE,
    },
  ]);
  assert.equal(grant.fragment.environ, {
    NVIDIA_VISIBLE_DEVICES: 'void',
    GPU_TYPE: 'cuda',
    GPU_MODEL_NAME: 'Orrery Test GPU',
    GPU_CONFIG: '0:24g',
    TF_GPU_MEMORY_ALLOC: '0:24576',
    GPU_COUNT: '1',
    N_GPUS: '1',
    TF_MIN_GPU_MULTIPROCESSOR_COUNT: '4',
    BACKENDAI_MOCK_CUDA_DEVICES: 'GPU-0',
    BACKENDAI_MOCK_CUDA_DEVICE_COUNT: '1',
  });
  assert.is(grant.fragment.cpuset, '0,1');
  const none = devices.assign('other', { cpu: '1' });
  assert.equal(none.fragment.environ, {
    NVIDIA_VISIBLE_DEVICES: 'void',
    GPU_COUNT: '0',
    N_GPUS: '0',
  });
  const processes = await devicesOf([], 'process');
  assert.is(processes.assign('k', { cpu: '1' }).fragment.environ?.['CUDA_VISIBLE_DEVICES'], '');
});

test('resource.txt tells devices, limits and sizes in the form that programs read', async () => {
  const fractional = { ...DEFAULT_ACCELERATOR, allocationMode: 'fractional' as const };
  const devices = await devicesOf([new MockPlugin(mockFile(2), fractional)]);
  const slots = { cpu: '2', mem: String(4 * GIBIBYTE), 'cuda.shares': '0.5' };
  const mounts = [{ source: '/s/config', target: '/home/config', mode: 'ro' as const }];
  assert.equal(resourceText({ slots }, devices.assign('k', slots), mounts).split('\n'), [
    'SCRATCH_SIZE=0m',
    'MOUNTS=/s/config:/home/config:ro',
    `SLOTS=${JSON.stringify(slots)}`,
    'UNIFIED_DEVICES=[]',
    'CUDA.SHARES_SHARES=GPU-0:0.5',
    'CPU_SHARES=0:1,1:1',
    'MEM_SHARES=root:4g',
    'CUDA_GLOBAL_DEVICE_IDS=0:GPU-0',
    'CUDA_RESOURCE_VIRTUALIZED=1',
    `CUDA_MEMORY_LIMITS=0:${GIBIBYTE}`,
    'CUDA_PROCESSOR_LIMITS=0:4',
    'CUDA_RESERVED_MEMORY=67108864',
    '',
  ]);
});

test('a size is written with the largest unit that fits and two decimals at most', () => {
  const sizes = [0, 1023, 1024, 1536 * 1024 ** 2, 100 * 1024 ** 2, 1.239 * GIBIBYTE].map(
    scaledSize,
  );
  assert.equal(sizes, ['0', '1023', '1k', '1.5g', '100m', '1.24g']);
});

test('MIG slices have a slot for each profile and are given one to a kernel', async () => {
  const text =
    mockText(1).replace(
      'devices = [',
      'devices = [\n  { mother_uuid = "GPU-m", model_name = "MIG-1g.10gb", numa_node = 1, subproc_count = 14, memory_size = "10G", is_mig_device = true },\n  { mother_uuid = "GPU-m", model_name = "MIG-1g.10gb", numa_node = 1, subproc_count = 14, memory_size = "10G", is_mig_device = true },',
    ) +
    '[formats."*-mig"]\nhuman_readable_name = "MIG"\ndescription = "d"\ndisplay_unit = "u"\ndisplay_icon = "i"\nnumber_format = { binary = false, round_length = 0 }\n';
  const devices = await devicesOf([new MockPlugin(parseMockFile(text, 'm'), DEFAULT_ACCELERATOR)]);
  assert.is(devices.slots['cuda.mig-1g-10gb'], '2');
  const [slice] = devices.assign('k', { 'cuda.mig-1g-10gb': '1' }).held;
  assert.is(slice?.id, 'MIG-GPU-m/0/0');
  assert.throws(
    () => devices.assign('two', { 'cuda.mig-1g-10gb': '2' }),
    (thrown: Error & { code?: string }) => thrown.code === 'invalid-resource-argument',
  );
  assert.throws(
    () => devices.assign('both', { 'cuda.mig-1g-10gb': '1', 'cuda.device': '1' }),
    (thrown: Error & { code?: string }) => thrown.code === 'invalid-resource-combination',
  );
});

test('a masked device is nobody’s', async () => {
  const masked = { ...DEFAULT_ACCELERATOR, deviceMask: ['GPU-0'] };
  const devices = await devicesOf([new MockPlugin(mockFile(2), masked)]);
  assert.is(devices.slots['cuda.device'], '1');
});

for (const [what, text, complaint] of [
  ['no TOML', 'slot_name =', /is not TOML/],
  ['an unknown key', mockText(1, { head: 'slot = 1\n' }), /\(top level\): Unrecognized key/],
  ['an unknown key of a device', mockText(1, { device: ', colour = "red"' }), /devices\.0/],
  [
    'no word whether a cuda device is a slice',
    mockText(1).replace(', is_mig_device = false', ''),
    /devices\.0\.is_mig_device/,
  ],
  ['a size that is none', mockText(1).replace('"24G"', '"much"'), /devices\.0\.memory_size/],
  ['two devices of one id', mockText(2).replace('GPU-1', 'GPU-0'), /devices\.1\.mother_uuid/],
  [
    'a slice without its format',
    mockText(1)
      .replace('"Orrery Test GPU"', '"MIG-1g"')
      .replace('is_mig_device = false', 'is_mig_device = true'),
    /formats\.\*-mig/,
  ],
] as const)
  test(`a mock file with ${what} is refused with the place at fault`, () => {
    assert.throws(() => parseMockFile(text, 'mock.toml'), complaint);
  });

test('cores and their NUMA nodes are read as the kernel tells them', () => {
  assert.equal(parseCpuList('0-2,5\n'), [0, 1, 2, 5]);
  assert.equal(parseCpuList(''), []);
  const numaNodes = join(scratch, 'node');
  for (const [node, list] of [
    ['node0', '0-1,8\n'],
    ['node1', '2-3\n'],
  ] as const) {
    mkdirSync(join(numaNodes, node), { recursive: true });
    writeFileSync(join(numaNodes, node, 'cpulist'), list);
  }
  const status = join(scratch, 'status');
  writeFileSync(status, 'Name:\tx\nCpus_allowed:\t10a\nCpus_allowed_list:\t1,3,8\n');
  assert.equal(coresOf(3, { status, numaNodes }), [
    { id: 1, numaNode: 0 },
    { id: 3, numaNode: 1 },
    { id: 8, numaNode: 0 },
  ]);
  // An engine elsewhere has other cores than we see.
  assert.equal(coresOf(2, { status, numaNodes }), [
    { id: 0, numaNode: null },
    { id: 1, numaNode: null },
  ]);
});

const open = (
  toml: string,
  driver: 'docker' | 'process' | 'simulated' = 'simulated',
  runtimes?: readonly string[],
) => {
  const text = `[bus]\nservers = ["x"]\n[postgres]\nurl = "x"\n[gateway]\nmasterKey = "x"\n[agent]\ndataDirectory = "/x"\n${toml}`;
  const settings = parseSettings(text, 'file').agent?.compute;
  const capacity = { cores: 4, memoryBytes: 8 * GIBIBYTE, architecture: 'x86_64', runtimes };
  return openDevices(
    { settings, driver, capacity, reserved: { cpu: '1', mem: '0' }, logger },
    within(),
  );
};
const fileAt = (name: string, text: string): string => {
  const path = join(scratch, name);
  writeFileSync(path, text);
  return path;
};

test('the settings choose the plugins; simulated nodes count nothing unless they name some', async () => {
  assert.is(await open(''), undefined);
  const plain = await open('', 'docker', ['runc']);
  assert.equal(plain?.slots, { cpu: '3', mem: String(8 * GIBIBYTE) });
  const path = fileAt('chosen.toml', mockText(2));
  const mocked = await open(`[agent.compute]\nmockFiles = ["${path}"]\ncpuOvercommit = 2\n`);
  assert.equal(mocked?.slots, { cpu: '7', mem: String(8 * GIBIBYTE), 'cuda.device': '2' });
  const shared = await open(
    `[agent.compute]\nmockFiles = ["${path}"]\n[agent.compute.accelerators.cuda]\nallocationMode = "fractional"\nquantum = "0.25"\n`,
  );
  assert.is(shared?.slots['cuda.shares'], '20');
});

for (const [what, toml, complaint] of [
  ['an unknown key', '[agent.compute]\npluggins = []\n', /agent\.compute: Unrecognized key/],
  ['an unknown plugin', '[agent.compute]\nplugins = ["tpu"]\n', /agent\.compute\.plugins\.0/],
  [
    'an over-commitment of 0',
    '[agent.compute]\ncpuOvercommit = 0\n',
    /agent\.compute\.cpuOvercommit/,
  ],
  [
    'mock without a file',
    '[agent.compute]\nplugins = ["mock"]\n',
    /agent\.compute\.mockFiles names no file/,
  ],
  [
    'a file without mock',
    '[agent.compute]\nplugins = ["cpu"]\nmockFiles = ["/x"]\n',
    /plugins has no mock/,
  ],
  [
    'a file that is not there',
    '[agent.compute]\nmockFiles = ["/no/such"]\n',
    /\/no\/such cannot be read/,
  ],
  [
    'a kind that is not chosen',
    '[agent.compute]\nplugins = ["cpu"]\n[agent.compute.accelerators.cude]\n',
    /accelerators\.cude/,
  ],
  [
    'real and pretended devices of one name',
    `[agent.compute]\nplugins = ["cuda", "mock"]\nmockFiles = ["${fileAt('twice.toml', mockText(1))}"]\n`,
    /one of them can be there/,
  ],
  [
    'a unit that is too small',
    `[agent.compute]\nmockFiles = ["${fileAt('unit.toml', mockText(1))}"]\n[agent.compute.accelerators.cuda]\nunitMemory = "1m"\n`,
    /accelerators\.cuda\.unitMemory/,
  ],
] as const)
  test(`settings with ${what} are refused with the key at fault`, async () => {
    const told = await Promise.resolve()
      .then(() => open(toml))
      .then(
        () => 'opened',
        (thrown: Error) => thrown.message,
      );
    assert.match(told, complaint);
  });

test.run();
