import { randomUUID } from 'node:crypto';
import { createLogger, DEFAULT_ACCELERATOR, type KernelSpec, systemClock } from '@orrery/bus';
import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { coresOf } from '../../../actors/agent/compute/cores.ts';
import { DeviceDriver } from '../../../actors/agent/compute/device-driver.ts';
import { MockPlugin } from '../../../actors/agent/compute/mock-plugin.ts';
import { NodeDevices } from '../../../actors/agent/compute/node-devices.ts';
import { CpuPlugin, MemoryPlugin } from '../../../actors/agent/compute/system-plugins.ts';
import type { ContainerDriver } from '../../../actors/agent/container-driver.ts';
import { insideContainer } from '../../../actors/agent/docker/container-options.ts';
import { connectDocker } from '../../../actors/agent/docker/docker-driver.ts';
import { kernelSpec, start, within } from '../../contract/driver/driver-bench.ts';
import { exitOf, readAll } from '../../contract/driver/driving.ts';
import { mockFile } from '../../contract/driver/mock-files.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';
import { makeScratch } from '../../environment/scratch.ts';

const MEBIBYTE = 1024 ** 2;
const MEMORY_BYTES = 256 * MEBIBYTE;
const SHARED_BYTES = 48 * MEBIBYTE;
const USER = '1234:2345';
const NODE = 'node-of-containers';
const LABELLED = 'orrery-test-labelled:1';
const OWN_USER = 'orrery-test-own-user:1';

/** Everything that a program can see of what it was given, a line each. */
const LOOK = `
import os
config = '${insideContainer.config}'
def tell(name, text):
    for line in str(text).splitlines(): print(name, line)
for name, value in os.environ.items(): print('env', name + '=' + value)
for name in ('environ', 'resource'):
    whole = open(config + '/' + name + '.txt').read()
    tell(name + '.txt', whole)
    kept = ''.join(line for line in whole.splitlines(True) if not line.startswith('CID='))
    if kept == open(config + '/' + name + '_base.txt').read(): print('same', name)
owner = lambda path: '%d:%d' % (os.stat(path).st_uid, os.stat(path).st_gid)
tell('user', '%d:%d' % (os.getuid(), os.getgid()))
tell('pwd', os.getcwd())
tell('host', os.uname().nodename)
tell('owner', owner('.'))
tell('shell', owner('.bashrc'))
tell('limits', open('/proc/self/limits').read())
tell('status', open('/proc/self/status').read())
shm = os.statvfs('/dev/shm')
tell('shm', shm.f_frsize * shm.f_blocks)
for name in ('/home/config', '/home/work', '/opt/orrery/runner'):
    try: open(name + '/x', 'w'); print(name, 'open')
    except OSError: print(name, 'closed')
tell('init', open('/proc/1/cmdline').read().replace(chr(0), ' '))
`;

interface Seen {
  readonly inside: readonly string[];
  readonly container: Docker.ContainerInspectInfo;
  readonly spec: KernelSpec;
}

interface Stage {
  docker: Docker;
  driver: ContainerDriver;
  close: () => Promise<void>;
}

const test = suite<Stage>('agent: what a container of a kernel is given');

test.before(async (context) => {
  const engine = await dockerEngine();
  const docker = new Docker({ socketPath: engine.socketPath });
  const scratch = makeScratch('containers of kernels');
  const logger = createLogger({ name: 'test', level: 'silent' });
  const plain = await connectDocker(
    {
      docker,
      owner: { node: NODE, installation: randomUUID() },
      scratchRoot: `${scratch.path}/scratch`,
      images: {
        registries: { find: async () => undefined },
        policy: 'tag',
        removal: { unusedMsMax: undefined, freePercentMin: 0 },
      },
      clock: systemClock,
      logger,
      kernelUser: USER,
    },
    within(),
  );
  const { cores } = await plain.capacity(within());
  const plugins = [
    new CpuPlugin(coresOf(cores), { overcommit: 1, isPinned: true }),
    new MemoryPlugin(1024 * MEBIBYTE, 1),
    new MockPlugin(mockFile(2), DEFAULT_ACCELERATOR),
  ];
  const rules = { order: ['cuda', 'cpu', 'mem'], policy: 'interleaved' as const, reserved: {} };
  const devices = await NodeDevices.open(
    { plugins, target: 'container', ...rules, logger },
    within(),
  );
  context.docker = docker;
  context.driver = new DeviceDriver(plain, devices);
  context.close = async () => {
    await context.driver[Symbol.asyncDispose]();
    for (const name of [LABELLED, OWN_USER]) await docker.getImage(name).remove({ force: true });
    scratch.remove();
    await engine.stop();
  };
  await derive(docker, LABELLED, [
    'LABEL ai.backend.envs.corecount="OMP_NUM_THREADS,OPENBLAS_NUM_THREADS"',
    'LABEL ai.backend.service-ports="jupyter:http:8081"',
    'ENV PATH="/opt/tools:/usr/bin:/bin" NVIDIA_VISIBLE_DEVICES="all" FROM_IMAGE="yes"',
    'ENTRYPOINT ["/bin/false"]',
  ]);
  await derive(docker, OWN_USER, ['LABEL ai.backend.features="batch query"', 'USER 77:78']);
});
test.after(async ({ close }) => {
  await close();
});

const env = (name: string) => (seen: Seen) => after(seen, `env ${name}=`);
const line = (name: string) => (seen: Seen) => after(seen, `${name} `);
const label = (name: string) => (seen: Seen) => seen.container.Config.Labels[name];
const limit = (name: keyof Docker.HostConfig) => (seen: Seen) => seen.container.HostConfig[name];
const mount = (target: string) => (seen: Seen) =>
  seen.container.Mounts.filter(({ Destination }) => Destination === target).map(({ RW }) => RW);

type Row = readonly [string, (seen: Seen) => unknown, (seen: Seen) => unknown];
const always = (value: unknown) => (): unknown => value;

/** Reference: the create request, the environment, the labels, the files, in their order there. */
const ROWS: readonly Row[] = [
  [
    'name',
    ({ container }) => container.Name,
    ({ spec }) => `/kernel.orrery-test-labelled.${spec.kernel}`,
  ],
  ['entry point of the image', ({ container }) => container.Config.Entrypoint ?? [], always([])],
  ['hostname', line('host'), always('sub2')],
  ['working directory', line('pwd'), always('/home/work')],
  ['init', (seen) => after(seen, 'init ')?.startsWith('/sbin/docker-init'), always(true)],
  ['privileged', limit('Privileged'), always(false)],
  [
    'capabilities',
    ({ container }) => container.HostConfig.CapAdd?.map((name: string) => name.replace('CAP_', '')),
    always(['IPC_LOCK', 'SYS_NICE']),
  ],
  ['security', limit('SecurityOpt'), always(['no-new-privileges:true'])],
  ['no new privileges', (seen) => after(seen, 'status NoNewPrivs:')?.trim(), always('1')],
  ['system calls filtered', (seen) => after(seen, 'status Seccomp:')?.trim(), always('2')],
  ['memory', limit('Memory'), always(MEMORY_BYTES)],
  ['memory and swap', limit('MemorySwap'), always(MEMORY_BYTES)],
  ['time of cores', limit('NanoCpus'), always(1_000_000_000)],
  ['cores of its own', limit('CpusetCpus'), always('0')],
  ['shared memory', line('shm'), always(String(SHARED_BYTES))],
  ['processes', limit('PidsLimit'), always(16_384)],
  [
    'open files',
    (seen) => Number(after(seen, 'limits Max open files')?.trim().split(/ +/)[0]) > 1024,
    always(true),
  ],
  ['log', ({ container }) => container.HostConfig.LogConfig?.Type, always('local')],
  ['restarts', ({ container }) => container.HostConfig.RestartPolicy?.Name, always('no')],
  ['published ports', limit('PublishAllPorts'), always(false)],
  ['config', mount('/home/config'), always([false])],
  ['config inside', (seen) => seen.inside.includes('/home/config closed'), always(true)],
  ['work', mount('/home/work'), always([true])],
  ['work inside', (seen) => seen.inside.includes('/home/work open'), always(true)],
  ['runner', (seen) => seen.inside.includes('/opt/orrery/runner closed'), always(true)],
  ['user', line('user'), always(USER)],
  ['owner of the home', line('owner'), always(USER)],
  ['owner of what lies there', line('shell'), always(USER)],
  ...[
    ...(['LOCAL_USER_ID=1234', 'LOCAL_GROUP_ID=2345', 'HOME=/home/work', 'LANG=C.UTF-8'] as const),
    ...['OMP_NUM_THREADS=1', 'OPENBLAS_NUM_THREADS=5', 'FROM_IMAGE=yes', 'MINE=is mine'],
    ...[
      `PATH=${insideContainer.home}/.local/bin:/opt/tools:/usr/bin:/bin`,
      '_BACKEND_BATCH_MODE=1',
    ],
    ...['GPU_TYPE=cuda', 'GPU_MODEL_NAME=Orrery Test GPU', 'GPU_CONFIG=0:24g', 'GPU_COUNT=1'],
    ...['TF_GPU_MEMORY_ALLOC=0:24576', 'N_GPUS=1', 'NVIDIA_VISIBLE_DEVICES=void'],
    ...['BACKENDAI_SERVICE_PORTS=jupyter:http:8081', 'BACKENDAI_PERSISTENT_PATHS='],
    ...['BACKENDAI_CLUSTER_ROLE=sub', 'BACKENDAI_CLUSTER_HOST=sub2', 'BACKENDAI_USER_UUID=someone'],
    ...['BACKENDAI_SESSION_NAME=a session', `BACKENDAI_KERNEL_IMAGE=${LABELLED}`],
  ].map((text): Row => {
    const [name = '', value = ''] = [
      text.slice(0, text.indexOf('=')),
      text.slice(text.indexOf('=') + 1),
    ];
    return [`$${name}`, env(name), always(value)];
  }),
  ['$BACKENDAI_KERNEL_ID', env('BACKENDAI_KERNEL_ID'), ({ spec }) => spec.kernel],
  ['$BACKENDAI_SESSION_ID', env('BACKENDAI_SESSION_ID'), ({ spec }) => spec.session],
  ['environ.txt', (seen) => after(seen, 'environ.txt MINE='), always('is mine')],
  ['environ.txt, devices', (seen) => after(seen, 'environ.txt GPU_COUNT='), always('1')],
  ['its copy', (seen) => seen.inside.includes('same environ'), always(true)],
  ['SCRATCH_SIZE', (seen) => after(seen, 'resource.txt SCRATCH_SIZE='), always('0m')],
  ['UNIFIED_DEVICES', (seen) => after(seen, 'resource.txt UNIFIED_DEVICES='), always('[]')],
  [
    'SLOTS',
    (seen) => JSON.parse(after(seen, 'resource.txt SLOTS=') ?? ''),
    ({ spec }) => spec.slots,
  ],
  ['CPU_SHARES', (seen) => after(seen, 'resource.txt CPU_SHARES='), always('0:1')],
  ['MEM_SHARES', (seen) => after(seen, 'resource.txt MEM_SHARES='), always('root:256m')],
  [
    'CUDA.DEVICE_SHARES',
    (seen) => after(seen, 'resource.txt CUDA.DEVICE_SHARES='),
    always('GPU-0:1'),
  ],
  [
    'CUDA_GLOBAL_DEVICE_IDS',
    (seen) => after(seen, 'resource.txt CUDA_GLOBAL_DEVICE_IDS='),
    always('0:GPU-0'),
  ],
  [
    'MOUNTS',
    (seen) => /:\/home\/work:rw/.test(after(seen, 'resource.txt MOUNTS=') ?? ''),
    always(true),
  ],
  ['CID', (seen) => after(seen, 'resource.txt CID='), ({ container }) => container.Id],
  ['its copy', (seen) => seen.inside.includes('same resource'), always(true)],
  ['label owner', label('ai.backend.owner'), always(NODE)],
  ['label agent', label('ai.backend.agent-id'), always(NODE)],
  ['label kernel', label('ai.backend.kernel-id'), ({ spec }) => spec.kernel],
  ['label session', label('ai.backend.session-id'), ({ spec }) => spec.session],
  ['label user', label('ai.backend.owner-user-id'), always('someone')],
  ['label project', label('ai.backend.owner-project-id'), always('something')],
  ['label ports', label('ai.backend.service-ports'), always('jupyter:http:8081')],
  ['label blocked', label('ai.backend.internal.block-service-ports'), always('0')],
  [
    'label of the image',
    label('ai.backend.envs.corecount'),
    always('OMP_NUM_THREADS,OPENBLAS_NUM_THREADS'),
  ],
];

test('everything that programs of its image rely on', async ({ docker, driver }) => {
  const seen = await look(docker, driver, {
    image: LABELLED,
    hostname: 'sub2',
    role: 'sub',
    sharedMemoryBytes: SHARED_BYTES,
    slots: { cpu: '1', mem: String(MEMORY_BYTES), 'cuda.device': '1' },
    environ: { MINE: 'is mine', OPENBLAS_NUM_THREADS: '5', BACKENDAI_KERNEL_ID: 'mine' },
  });
  const wrong = ROWS.flatMap(([name, read, wanted]) => {
    const [is, shall] = [JSON.stringify(read(seen)), JSON.stringify(wanted(seen))];
    return is === shall ? [] : [`${name} is ${is} and not ${shall}`];
  });
  assert.equal(wrong, []);
});

test('devices stay hidden from a kernel without any, whatever its image and session say', async ({
  docker,
  driver,
}) => {
  const environ = { NVIDIA_VISIBLE_DEVICES: 'all', GPU_COUNT: '9' };
  const seen = await look(docker, driver, { image: LABELLED, environ });
  assert.is(env('NVIDIA_VISIBLE_DEVICES')(seen), 'void');
  assert.equal([env('GPU_COUNT')(seen), env('N_GPUS')(seen)], ['0', '0']);
  assert.equal([limit('DeviceRequests')(seen) ?? [], limit('Devices')(seen) ?? []], [[], []]);
});

test('an image that takes no other user keeps its own', async ({ docker, driver }) => {
  const seen = await look(docker, driver, { image: OWN_USER });
  assert.is(line('user')(seen), '77:78');
  assert.is(env('LOCAL_USER_ID')(seen), undefined);
  assert.ok(seen.inside.includes('/home/work open'));
});

test.run();

/** Runs the look around to its end, and asks the engine for its side. */
async function look(
  docker: Docker,
  driver: ContainerDriver,
  more: Partial<KernelSpec> & { readonly image: string },
): Promise<Seen> {
  const spec = kernelSpec(more.image, { command: ['python3', '-c', LOOK], ...more });
  const { id } = await start(driver, spec);
  const { exitCode } = await exitOf(driver, spec.kernel);
  const request = { kernel: spec.kernel, mode: 'so-far', offsetBytes: 0 } as const;
  const { stdout, stderr } = await readAll(driver.logs(request, within()));
  assert.equal([exitCode, stderr], [0, ''], 'the look around');
  const container = await docker.getContainer(id).inspect();
  await driver.remove(spec.kernel, within());
  return { inside: stdout.split('\n'), container, spec };
}

function after({ inside }: Seen, start: string): string | undefined {
  return inside.find((each) => each.startsWith(start))?.slice(start.length);
}

async function derive(docker: Docker, name: string, changes: readonly string[]): Promise<void> {
  const container = await docker.createContainer({ Image: await testImage(), Cmd: ['true'] });
  const [repo, tag] = name.split(':');
  await container.commit({ repo, tag, changes: changes.join('\n') });
  await container.remove();
}
