import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OperationRefused } from '../../../gateway/client/errors.ts';
import type { AgentDevices, HeldDevice } from '../../../gateway/client/model.ts';
import { mockText } from '../../contract/driver/mock-files.ts';
import { runOrrery } from '../../environment/command-line.ts';
import { makeScratch } from '../../environment/scratch.ts';
import { startSystem } from '../../environment/system.ts';

const SOON_MS = 60_000;

const scratch = makeScratch('mock devices');
const file = join(scratch.path, 'mock-accelerator.toml');
writeFileSync(file, mockText(2));
const system = await startSystem(['--driver', 'process'], {
  ORRERY_AGENT_COMPUTE_MOCK_FILES: file,
});

const devices = suite('devices: who holds which GPU');

devices('a session holds a GPU of its own, also when the agent was killed meanwhile', async () => {
  const first = await running('first');
  assert.match(first.device.id, /^GPU-[01]$/);
  assert.is(first.device.model, 'Orrery Test GPU');
  const pid = system.pids()['agent'];
  assert.ok(pid, 'the agent runs');
  process.kill(pid ?? 0, 'SIGKILL');
  const second = await running('second');
  assert.is.not(second.device.id, first.device.id);
  assert.equal(await shown(), [
    [first, second].find(({ device }) => device.id === 'GPU-0')?.id,
    [first, second].find(({ device }) => device.id === 'GPU-1')?.id,
  ]);
  // All are taken: the third waits until one is free, and gets that one.
  const third = running('third');
  await system.client.terminateSession({ id: first.id, mode: 'FORCE' });
  assert.is((await third).device.id, first.device.id);
  for (const { id } of [second, await third])
    await system.client.terminateSession({ id, mode: 'FORCE' });
});

devices('a request that no GPU can ever meet is refused, with the field and why', async () => {
  try {
    await system.client.createSession({
      type: 'BATCH',
      command: ['true'],
      cpu: '0.1',
      memory: '64m',
      slots: { 'cuda.device': '0.5' },
    });
    assert.unreachable();
  } catch (error) {
    if (!(error instanceof OperationRefused)) throw error;
    assert.match(error.message, /whole/);
    assert.match(error.field ?? '', /slots/);
  }
});

/** A session with one GPU, once it runs. */
async function running(
  name: string,
): Promise<{ readonly id: string; readonly device: HeldDevice }> {
  const { session } = await system.client.createSession({
    name,
    type: 'INTERACTIVE',
    cpu: '0.1',
    memory: '64m',
    slots: { 'cuda.device': '1' },
  });
  await until(session.id, 'RUNNING');
  const told = await runOrrery(system.dataDirectory, 'session', 'get', session.id, '--json');
  const [device] = JSON.parse(told.stdout).kernels[0].devices;
  return { id: session.id, device };
}

/** The session that holds each device of the agent. */
async function shown(): Promise<readonly (string | undefined)[]> {
  const told = await runOrrery(system.dataDirectory, 'agent', 'devices', '--json');
  const [agent]: readonly AgentDevices[] = JSON.parse(told.stdout);
  return (agent?.devices ?? []).map(({ holders }) => holders[0]?.sessionId);
}

async function until(id: string, status: string): Promise<void> {
  const signal = AbortSignal.timeout(SOON_MS);
  for await (const event of system.client.sessionEvents({ id }, signal))
    if (event.status === status) return;
  throw new Error(`session ${id} ended without having been ${status}`);
}

devices.after(async () => {
  await system[Symbol.asyncDispose]();
  scratch.remove();
});
devices.run();
