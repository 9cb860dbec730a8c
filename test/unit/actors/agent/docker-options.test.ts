import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  containerMounts,
  containerName,
  containerOptions,
} from '../../../../actors/agent/docker/container-options.ts';
import { containerUlimits } from '../../../../actors/agent/docker/process-limits.ts';
import { nodeFacts } from '../../../../actors/agent/node-facts.ts';
import { kernelSpec } from '../../../contract/driver/driver-bench.ts';

const test = suite('agent container options');

const options = (more: Parameters<typeof kernelSpec>[1]) =>
  containerOptions({
    spec: kernelSpec('reg.example:5000/a/python:3.13', more),
    origin: { wishRevision: 4 },
    owner: { node: 'n', installation: 'i' },
    traits: { cores: 4, hasCpusets: true, user: undefined, ulimits: [] },
    environ: {},
    mounts: containerMounts(
      { root: '/d', config: '/d/config', work: '/d/work', runs: '/d/runs' },
      '/d/runner',
      undefined,
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
  assert.is(host?.RestartPolicy?.Name, 'no');
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
