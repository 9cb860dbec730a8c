import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { locateCgroup, readCgroup } from '../../../../../actors/agent/statistics/cgroup.ts';
import { parseNetwork } from '../../../../../actors/agent/statistics/network-counters.ts';
import {
  diskMounts,
  parseCores,
  parseMemory,
} from '../../../../../actors/agent/statistics/node-usage.ts';
import { makeScratch } from '../../../../environment/scratch.ts';

const FIRST = `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
41 31 0:40 / /proc rw - proc proc rw`;
const SECOND = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';

const test = suite<{
  root: string;
  remove: () => void;
  write: (path: string, text: string) => void;
}>('control groups: where they are and what they tell');
test.before.each((context) => {
  const scratch = makeScratch('cgroup');
  context.root = scratch.path;
  context.remove = scratch.remove;
  context.write = (path, text) => {
    mkdirSync(dirname(join(scratch.path, path)), { recursive: true });
    writeFileSync(join(scratch.path, path), text);
  };
});
test.after.each(({ remove }) => remove());

test('version 1 is found by controller', () => {
  assert.equal(
    locateCgroup(FIRST, '7:blkio:/docker/c\n4:memory:/docker/c\n2:cpu,cpuacct:/docker/c\n0::/'),
    {
      version: 1,
      cpu: '/sys/fs/cgroup/cpu,cpuacct/docker/c',
      memory: '/sys/fs/cgroup/memory/docker/c',
      io: '/sys/fs/cgroup/blkio/docker/c',
    },
  );
});

test('version 2 is one directory', () => {
  const path = '/sys/fs/cgroup/system.slice/docker-c.scope';
  assert.equal(locateCgroup(SECOND, '0::/system.slice/docker-c.scope\n'), {
    version: 2,
    cpu: path,
    memory: path,
    io: path,
  });
});

test('of a hierarchy that is mounted from some directory on, the path begins there', () => {
  const mounted = SECOND.replace(' / /sys', ' /machine /sys');
  assert.is(locateCgroup(mounted, '0::/machine/docker/c')?.cpu, '/sys/fs/cgroup/docker/c');
});

test('without control groups there is nothing to be found', () => {
  assert.is(locateCgroup('41 31 0:40 / /proc rw - proc proc rw', '0::/'), undefined);
});

test('version 1 counts nanoseconds, leaves out what can be taken back, and knows no limit as a number', ({
  root,
  write,
}) => {
  write('cpu/cpuacct.usage', '2500000000\n');
  write('memory/memory.usage_in_bytes', '1000\n');
  write('memory/memory.limit_in_bytes', '9223372036854771712\n');
  write('memory/memory.stat', 'cache 7\ntotal_inactive_file 300\n');
  write('io/blkio.throttle.io_service_bytes', '8:0 Read 40\n8:0 Write 2\n8:16 Read 1\nTotal 43\n');
  const cgroup = {
    version: 1,
    cpu: `${root}/cpu`,
    memory: `${root}/memory`,
    io: `${root}/io`,
  } as const;
  assert.equal(readCgroup(cgroup), {
    cpuMs: 2_500,
    memoryBytes: 700,
    memoryLimitBytes: undefined,
    readBytes: 41,
    writtenBytes: 2,
  });
});

test('version 2 counts microseconds, and knows no limit as a word', ({ root, write }) => {
  write('cpu.stat', 'usage_usec 1500\nuser_usec 1000\n');
  write('memory.current', '1000\n');
  write('memory.max', 'max\n');
  write('memory.stat', 'anon 5\ninactive_file 100\n');
  write('io.stat', '8:0 rbytes=10 wbytes=20 rios=1 wios=1\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n');
  const cgroup = { version: 2, cpu: root, memory: root, io: root } as const;
  const usage = readCgroup(cgroup);
  assert.equal(usage, {
    cpuMs: 1.5,
    memoryBytes: 900,
    memoryLimitBytes: undefined,
    readBytes: 11,
    writtenBytes: 22,
  });
  write('memory.max', '536870912\n');
  assert.is(readCgroup(cgroup)?.memoryLimitBytes, 536_870_912);
});

test('a group that is gone tells nothing', ({ root }) => {
  const gone = join(root, 'gone');
  assert.is(readCgroup({ version: 2, cpu: gone, memory: gone, io: gone }), undefined);
  assert.is(readCgroup({ version: 1, cpu: gone, memory: gone, io: undefined }), undefined);
});

test('the loopback is no traffic', () => {
  const text = `Inter-| Receive
 face |bytes packets
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0
  eth1:   1 1 0 0 0 0 0 0  2 1 0 0 0 0 0 0
`;
  assert.equal(parseNetwork(text), { receivedBytes: 101, sentBytes: 22 });
});

test('of a machine, cores are counted one by one and memory by what is not available', () => {
  const stat = 'cpu  300 0 30 0\ncpu0 100 5 10 1000 0 0\ncpu1 200 5 20 1000 0 0\nintr 1\n';
  assert.equal(parseCores(stat), { 0: 1_100, 1: 2_200 });
  const meminfo = 'MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    400 kB\n';
  assert.equal(parseMemory(meminfo), { value: 600 * 1024, capacity: 1000 * 1024 });
});

test('disks are those that hold something of their own', () => {
  const mounts = `/dev/vda / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
/dev/loop1 /snap/x squashfs ro 0 0
/dev/vdb /with\\040blank xfs rw 0 0
/dev/vda /var/lib/docker/overlay2/x ext4 rw 0 0
overlay /merged overlay rw 0 0
`;
  assert.equal(diskMounts(mounts), [
    { device: '/dev/vda', point: '/' },
    { device: '/dev/vdb', point: '/with blank' },
  ]);
});

test.run();
