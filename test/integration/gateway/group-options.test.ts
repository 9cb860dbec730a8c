import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runOrrery } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';
import { answerOf, makeProject, makeUser } from '../../unit/gateway/directory-calls.ts';
import { callsOf, submit } from './cast.ts';

const WITHIN_MS = 60_000;

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2']);
const calls = await callsOf(system);
const { client } = system;

/** The answer to `orrery … --json`. */
async function orrery(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { code, stdout, stderr } = await runOrrery(system.dataDirectory, ...args, '--json');
  assert.is(code, 0, stderr);
  return JSON.parse(stdout);
}

interface Seen {
  readonly status: string;
  readonly code: string | null;
}

const SEE = 'query ($id: ID!) { sessionWhy(id: $id) { status code } }';

async function until(id: string, wanted: Partial<Seen>): Promise<void> {
  const deadlineMs = performance.now() + WITHIN_MS;
  for (;;) {
    // Null while only the one who made it can be sure to see it.
    const seen = await answerOf<Seen | null>(calls, SEE, { id });
    if (Object.entries(wanted).every(([key, value]) => seen?.[key as keyof Seen] === value)) return;
    if (performance.now() > deadlineMs) throw new Error(`it is ${JSON.stringify(seen)}`);
  }
}

const runs = (id: string): Promise<void> => until(id, { status: 'RUNNING' });
const held = (id: string, code: string): Promise<void> => until(id, { status: 'PENDING', code });

async function end(...ids: readonly string[]): Promise<void> {
  for (const id of ids) await client.terminateSession({ id, mode: 'FORCE' });
  for (const id of ids) await until(id, { code: 'force-terminated' });
}

async function make(input: object = {}): Promise<string> {
  const { session } = await client.createSession({ cpu: '0.1', memory: '64m', ...input });
  return session.id;
}

interface Refused {
  readonly rejection: { readonly code: string; readonly field: string } | null;
}

const SET_LIMITS = `mutation ($input: SetLimitsInput!) { setLimits(input: $input) {
  rejection { code field message } } }`;
const setLimits = (input: object): Promise<Refused> =>
  answerOf<Refused>(calls, SET_LIMITS, { input });

const options = suite('resource groups and limits: on a whole system');

options('containers of each agent are limited at once, and those who wait go on', async () => {
  const group = await orrery('admin', 'group', 'set', 'default', '--containers', '1');
  assert.is(group['maxContainersPerAgent'], 1);
  const [first, second, third] = [await make(), await make(), await make()];
  await Promise.all([runs(first), runs(second)]);
  await held(third, 'agent-full');
  await orrery('admin', 'group', 'set', 'default', '--containers', '0');
  await runs(third);
  await end(first, second, third);
});

options('sessions that name no group are in the default one and have what it says', async () => {
  const args = ['--default', 'on', '--session-priority', '7', '--session-preemptible', 'off'];
  const group = await orrery('admin', 'group', 'set', 'quiet', ...args);
  assert.is(group['isDefault'], true);
  const there = await make();
  await held(there, 'no-available-instances');
  const shown = await client.findSession(there);
  assert.equal([shown?.resourceGroup, shown?.priority], ['quiet', 7]);
  await orrery('admin', 'group', 'set', 'quiet', '--default', 'off');
  const here = await make();
  await runs(here);
  assert.equal((await client.findSession(here))?.priority, 10);
  await end(there, here);
});

options('how many of a user wait is limited, and more at once when that changes', async () => {
  const projectId = await makeProject(calls, 'default', 'waiting');
  const projects = [{ projectId, role: 'MEMBER' }];
  const user = await makeUser(calls, { email: 'waits@example.test', projects });
  const limit = { scope: 'USER', key: user.id };
  assert.is((await setLimits({ ...limit, maxPendingSessionCount: 1 })).rejection, null);
  const large = await submit(calls, user.headers, { projectId, cpu: '4096' });
  await held(large, 'never-fits');
  const small = await submit(calls, user.headers, { projectId });
  await held(small, 'user-pending-session-count-limit');
  await setLimits({ ...limit, maxPendingSessionCount: 2 });
  await runs(small);
  await end(large, small);
});

options('what a project says of its slots is the truth, whoever sets limits besides', async () => {
  const project = await makeProject(calls, 'default', 'truthful');
  const slots = (cpu: string): Promise<object> =>
    answerOf(
      calls,
      `mutation ($id: ID!, $input: ProjectInput!) { modifyProject(id: $id, input: $input) {
        rejection { code field message } } }`,
      { id: project, input: { totalResourceSlots: { cpu } } },
    );
  assert.equal(await slots('1'), { rejection: null });
  const limit = { scope: 'PROJECT', key: project };
  const waits = await make({ projectId: project, cpu: '2' });
  await held(waits, 'user-group-resource-limit');
  const { rejection } = await setLimits({ ...limit, totalResourceSlots: { cpu: '8' } });
  assert.equal([rejection?.code, rejection?.field], ['limits-invalid', 'totalResourceSlots']);
  assert.is((await setLimits({ ...limit, maxPendingSessionCount: 5 })).rejection, null);
  const limits = await orrery('admin', 'limits', 'show', 'project', project);
  assert.equal(limits['totalResourceSlots'], { cpu: '1' });
  assert.equal(limits['setByOwner'], ['totalResourceSlots']);
  assert.is(limits['maxPendingSessionCount'], 5);
  await slots('4');
  await runs(waits);
  const after = await orrery('admin', 'limits', 'show', 'project', project);
  assert.is(after['maxPendingSessionCount'], 5);
  await end(waits);
});

options.after(async () => {
  await system[Symbol.asyncDispose]();
});

options.run();
