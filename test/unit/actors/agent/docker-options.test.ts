import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  containerMounts,
  containerName,
  containerOptions,
} from '../../../../actors/agent/docker/container-options.ts';
import { hostTraits } from '../../../../actors/agent/docker/host-traits.ts';
import { containerUlimits } from '../../../../actors/agent/docker/process-limits.ts';
import { nodeFacts } from '../../../../actors/agent/node-facts.ts';
import { writeShellFiles } from '../../../../actors/agent/shell-files.ts';
import { kernelSpec } from '../../../contract/driver/driver-bench.ts';
import { makeScratch } from '../../../environment/scratch.ts';

const test = suite('agent container options');

const options = (more: Parameters<typeof kernelSpec>[1]) =>
  containerOptions({
    spec: kernelSpec('reg.example:5000/a/python:3.13', more),
    origin: { wishRevision: 4 },
    owner: { node: 'n', installation: 'i' },
    traits: { cores: 4, hasCpusets: true, user: undefined, ulimits: [] },
    environ: { BACKENDAI_SERVICE_PORTS: 'jupyter:http:8080' },
    mounts: containerMounts(
      { root: '/d', config: '/d/config', work: '/d/work', runs: '/d/runs' },
      '/d/runner',
      {},
    ),
  });

test('a container is named after the last part of its image and its kernel', () => {
  const name = (image: string) => containerName({ image, kernel: 'k' });
  assert.is(name('reg.example:5000/a/python:3.13-slim'), 'kernel.python.k');
  assert.is(name('python'), 'kernel.python.k');
  assert.is(name(`python@sha256:${'a'.repeat(64)}`), 'kernel.python.k');
});

test('memory is a limit without swap, cores are a share of time within what there is', () => {
  const host = options({ slots: { cpu: '1.5', mem: '268435456' } }).HostConfig;
  assert.is(host?.NanoCpus, 1_500_000_000);
  assert.is(host?.Memory, 268_435_456);
  assert.is(host?.MemorySwap, 268_435_456);
  assert.is(options({ slots: { cpu: '64' } }).HostConfig?.NanoCpus, 4_000_000_000);
  assert.is(options({ slots: { cpu: '0.001' } }).HostConfig?.NanoCpus, 10_000_000);
});

test('the program is the whole command, whatever the image would start', () => {
  const { Entrypoint, Cmd, Tty } = options({ command: ['a b', 'c'] });
  assert.equal(Entrypoint, []);
  assert.equal(Cmd, ['a b', 'c']);
  assert.is(Tty, false);
});

test('no program gains privileges, and none is restarted by the engine', () => {
  const host = options({}).HostConfig;
  assert.equal(host?.SecurityOpt, ['no-new-privileges:true']);
  assert.is(host?.Privileged, false);
  assert.equal(host?.CapAdd, ['IPC_LOCK', 'SYS_NICE']);
  assert.is(host?.RestartPolicy?.Name, 'no');
});

test('the services of the image are written on its container', () => {
  const { Labels } = options({});
  assert.is(Labels?.['ai.backend.service-ports'], 'jupyter:http:8080');
});

test('the time zone, the processors as a container sees them and InfiniBand come from the machine', () => {
  const scratch = makeScratch('host traits');
  const file = (path: string): void => {
    const full = join(scratch.path, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, '');
  };
  assert.equal(hostTraits(scratch.path), { hostMounts: [], hostDevices: [] });
  for (const path of ['etc/localtime', 'var/lib/lxcfs/proc/meminfo', 'dev/infiniband/uverbs0'])
    file(path);
  const { hostMounts, hostDevices } = hostTraits(scratch.path);
  assert.equal(
    hostMounts?.map(({ target, mode }) => `${target} ${mode}`),
    ['/etc/localtime ro', '/proc/meminfo rw'],
  );
  assert.equal(hostDevices, [join(scratch.path, 'dev/infiniband')]);
  scratch.remove();
});

test('a shell says where it is, and what the user wrote before is left alone', async () => {
  const scratch = makeScratch('shell files');
  writeFileSync(join(scratch.path, '.zshrc'), 'mine');
  await writeShellFiles(scratch.path, { sessionName: 'train-1', hostname: 'sub2' });
  const text = (name: string): string => readFileSync(join(scratch.path, name), 'utf8');
  assert.is(text('.bashrc'), "PS1='\\u@sub2[train-1]:\\w$ '\n");
  assert.is(text('.zshrc'), 'mine');
  scratch.remove();
});

test('limits of processes are never above those of the agent', () => {
  const limits = [
    'Limit                     Soft Limit           Hard Limit           Units',
    'Max locked memory         8388608              unlimited            bytes',
    'Max open files            1024                 20000                files',
  ].join('\n');
  assert.equal(containerUlimits(limits), [
    { Name: 'nofile', Soft: 20_000, Hard: 20_000 },
    { Name: 'memlock', Soft: -1, Hard: -1 },
  ]);
  assert.equal(containerUlimits(''), []);
});

test('a node offers what it has less what is reserved', () => {
  const capacity = { cores: 4, memoryBytes: 8 * 1024 ** 3 + 12_345, architecture: 'x86_64' };
  const reserve = { resourceGroup: 'g', reservedCpu: '0.5', reservedMemory: '1g' };
  const { slots } = nodeFacts('docker', capacity, reserve);
  assert.equal(slots, { cpu: '3.5', mem: String(7 * 1024 ** 3) });
  assert.is(nodeFacts('docker', capacity, reserve).containersMax, undefined);
  assert.is(nodeFacts('docker', capacity, { ...reserve, containersMax: 9 }).containersMax, 9);
  const code = (more: Partial<typeof reserve>) => () =>
    nodeFacts('docker', capacity, { ...reserve, ...more });
  assert.throws(code({ reservedMemory: 'much' }), /reservedMemory/);
  assert.throws(code({ reservedCpu: '-1' }), /reservedCpu/);
  assert.throws(code({ reservedMemory: '1t' }), /nothing/);
});

test.run();
