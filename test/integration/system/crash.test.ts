import Docker from 'dockerode';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDockerSystem } from '../../environment/docker-system.ts';

const SESSIONS = 20;
const VICTIMS = ['control', 'projector', 'gateway', 'agent', 'postgres', 'nats'];

/** By then everything that was accepted must be so. */
const SETTLED_WITHIN_MS = 120_000;

const { system, socketPath, image } = await startDockerSystem();
const docker = new Docker({ socketPath });

const crash = suite('crashes: every process killed while sessions are created');

crash(
  'all sessions run, one container each, nothing accepted is lost and the rows equal a rebuild',
  async () => {
    const creations: Promise<string>[] = [];
    for (const [turn, victim] of VICTIMS.entries()) {
      const upTo = Math.ceil(((turn + 1) * SESSIONS) / VICTIMS.length);
      while (creations.length < upTo) creations.push(create(creations.length));
      kill(victim);
      await Promise.all(creations);
    }
    const sessions = await Promise.all(creations);
    const signal = AbortSignal.timeout(SETTLED_WITHIN_MS);
    await Promise.all(sessions.map((id) => isRunning(id, signal)));
    assert.is(new Set(sessions).size, SESSIONS);
    const containers = await docker.listContainers({
      filters: { label: ['ai.backend.session-id'] },
    });
    const ours = containers.filter(({ Labels }) =>
      sessions.includes(Labels['ai.backend.session-id'] ?? ''),
    );
    assert.is(ours.length, SESSIONS);
    assert.is(new Set(ours.map(({ Labels }) => Labels['ai.backend.session-id'])).size, SESSIONS);
    const report = await system.client.verifyProjections();
    assert.ok(report.isEqual, JSON.stringify(report));
    await Promise.all(sessions.map((id) => system.client.terminateSession({ id, mode: 'FORCE' })));
    await Promise.all(sessions.map((id) => isOver(id, signal)));
    const left = await docker.listContainers({
      all: true,
      filters: { label: ['ai.backend.session-id'] },
    });
    assert.equal(
      left.filter(({ Labels }) => sessions.includes(Labels['ai.backend.session-id'] ?? '')),
      [],
    );
  },
);

async function create(index: number): Promise<string> {
  const { session } = await system.client.createSession({
    type: 'INTERACTIVE',
    image,
    cpu: '0.01',
    memory: '64m',
    idempotencyKey: `crash-${index}`,
  });
  return session.id;
}

function kill(name: string): void {
  const pid = system.pids()[name];
  assert.ok(pid, `${name} runs`);
  process.kill(pid ?? 0, 'SIGKILL');
}

async function isRunning(id: string, signal: AbortSignal): Promise<void> {
  for await (const event of system.client.sessionEvents({ id }, signal)) {
    if (event.status === 'RUNNING') return;
  }
  throw new Error(`session ${id} ended without having run`);
}

async function isOver(id: string, signal: AbortSignal): Promise<void> {
  for await (const event of system.client.sessionEvents({ id }, signal)) {
    if (event.status === 'TERMINATED') return;
  }
}

crash.after(async () => {
  await system[Symbol.asyncDispose]();
});
crash.run();
