import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelStatistics } from '../../../gateway/client/statistics-model.ts';
import { until } from '../../contract/bus/harness.ts';
import { runOrrery } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';

const SOON_MS = 60_000;
const MEMORY_BYTES = 128 * 1024 * 1024;

const system = await startSystem(['--driver', 'process']);
const statistics = suite('statistics: what a session and a machine use');

statistics('a machine is shown with what it uses as soon as the system is there', async () => {
  const { stdout } = await runOrrery(system.dataDirectory, 'agent', 'stats');
  const [, line = ''] = stdout.split('\n');
  assert.match(line, /ALIVE .*[KMGT]iB\/[0-9.]+ [KMGT]iB/);
});

statistics('a session that works is shown with its cores and memory while it lives', async () => {
  const { client, dataDirectory } = system;
  const { session } = await client.createSession({
    type: 'BATCH',
    command: ['timeout', '120', 'sh', '-c', 'while :; do :; done'],
    cpu: '0.5',
    memory: '128m',
  });
  const measured: KernelStatistics[] = [];
  const signal = AbortSignal.timeout(SOON_MS);
  for await (const told of client.sessionStatistics(session.id, signal)) {
    measured.push(told);
    if (Number(told.liveStat['cpu_util']?.pct) > 1) break;
  }
  const last = measured.at(-1);
  assert.is(last?.liveStat['mem']?.capacity, String(MEMORY_BYTES));
  assert.is(last?.liveStat['cpu_util']?.unit_hint, 'percent');
  const told = await runOrrery(dataDirectory, 'session', 'stats', session.id, '--json');
  const [kernel] = JSON.parse(told.stdout);
  assert.is(kernel.id, last?.kernelId);
  assert.ok(Number(kernel.liveStat.cpu_used.current) > 0);
  const shown = await runOrrery(dataDirectory, 'session', 'stats', session.id);
  assert.match(shown.stdout, /main1 .* %.*\/128 MiB/);
  const ending = client.sessionStatistics(session.id, signal);
  await ending.next();
  await client.terminateSession({ id: session.id, mode: 'FORCE' });
  for await (const _ of ending);
});

statistics('a machine is shown with its cores, memory and disks', async () => {
  const { client, dataDirectory } = system;
  await until(async () => {
    const { edges } = await client.machines.usage({ first: 1 });
    return Number(edges[0]?.node.liveStat?.node['cpu_util']?.pct) > 0;
  });
  const [agent] = JSON.parse((await runOrrery(dataDirectory, 'agent', 'stats', '--json')).stdout);
  const { node, devices } = agent.liveStat;
  assert.ok(Number(node.mem.current) > 0 && Number(node.mem.capacity) > Number(node.mem.current));
  assert.ok(Object.keys(devices.cpu_util).length > 0);
  assert.equal(Object.keys(devices.mem), ['root']);
  const unknown = await runOrrery(dataDirectory, 'agent', 'stats', 'nobody');
  assert.ok(unknown.code !== 0);
  assert.match(unknown.stderr, /there is no agent nobody/);
});

statistics('of a session that is not there nothing is told', async () => {
  const nobody = '0190b0c8-0000-7000-8000-000000000001';
  const stream = system.client.sessionStatistics(nobody, AbortSignal.timeout(SOON_MS));
  try {
    await stream.next();
    assert.unreachable();
  } catch (error) {
    assert.is(error instanceof Error && error.name, 'NotFound');
  }
});

statistics.after(async () => {
  await system[Symbol.asyncDispose]();
});
statistics.run();
