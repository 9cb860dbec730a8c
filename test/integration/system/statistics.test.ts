import { systemClock } from '@orrery/bus';
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

statistics('what was measured is kept, and shown in steps when the session is over', async () => {
  const { client, dataDirectory } = system;
  const signal = AbortSignal.timeout(SOON_MS);
  const { session } = await client.createSession({
    type: 'BATCH',
    command: ['timeout', '120', 'sh', '-c', 'while :; do :; done'],
    cpu: '0.5',
    memory: '128m',
  });
  const since = new Date(systemClock.nowMs() - 60_000).toISOString();
  const request = { id: session.id, since, stepSeconds: 10, keys: ['cpu_util', 'mem'] };
  const read = () => client.machines.historyOfSession(request, signal);
  for (;;) {
    const series = await read();
    const cpu = series.find(({ key }) => key === 'cpu_util');
    if (cpu?.points.some(({ peak }) => peak > 1)) break;
    signal.throwIfAborted();
    await systemClock.sleep(200);
  }
  await client.terminateSession({ id: session.id, mode: 'FORCE' });
  for await (const _ of client.sessionStatistics(session.id, signal));
  // They do not come from the log, and a rebuild leaves them alone.
  await client.rebuildProjections();
  const [mem] = (await read()).filter(({ key }) => key === 'mem');
  const [kernel] = (await client.findSession(session.id))?.kernels ?? [];
  assert.is(mem?.id, kernel?.id);
  assert.is(mem?.points[0]?.capacity, MEMORY_BYTES);
  const words = ['session', 'stats', session.id, '--since', '5m', '--step', '10'];
  const told = await runOrrery(dataDirectory, ...words, '--metric', 'mem', '--json');
  assert.equal(
    JSON.parse(told.stdout).map((one: { key: string }) => one.key),
    ['mem'],
  );
  assert.match((await runOrrery(dataDirectory, ...words)).stdout, /main1 +cpu_util/);
  const agent = await runOrrery(
    dataDirectory,
    'agent',
    'stats',
    'local',
    '--since',
    '5m',
    '--json',
  );
  assert.ok(JSON.parse(agent.stdout).some((one: { key: string }) => one.key === 'disk'));
});

statistics('a range that cannot be shown is refused with the field at fault', async () => {
  const { client } = system;
  const refusal = async (stepSeconds: number, since: string): Promise<string> => {
    try {
      await client.machines.history({ id: 'local', since, stepSeconds });
      return 'none';
    } catch (error) {
      return String(error);
    }
  };
  assert.match(await refusal(1, '2026-01-01T00:00:00Z'), /a step is of 10 s or more/);
  assert.match(await refusal(10, '2020-01-01T00:00:00Z'), /at most 1500 steps/);
  assert.match(await refusal(60, '2099-01-01T00:00:00Z'), /begins before it ends/);
});

statistics('Prometheus is told what every kernel and every agent use', async () => {
  const metrics = async (): Promise<string> => (await fetch(`${system.endpoint}/metrics`)).text();
  await until(async () => /backendai_device_utilization\{.*"mem"/.test(await metrics()));
  const { session } = await system.client.createSession({
    type: 'INTERACTIVE',
    cpu: '0.1',
    memory: '64m',
  });
  const line = new RegExp(
    'backendai_container_utilization\\{container_metric_name="mem",agent_id="local",' +
      'kernel_id="[0-9a-f-]+",value_type="capacity"\\} 67108864',
  );
  await until(async () => line.test(await metrics()));
  await system.client.terminateSession({ id: session.id, mode: 'FORCE' });
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
