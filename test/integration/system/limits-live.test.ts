import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OwnerLimits } from '../../../gateway/client/administration-model.ts';
import { sideBySide } from '../../bench/measure.ts';
import { startSystem } from '../../environment/system.ts';
import {
  answerOf,
  makeProject,
  makeUser,
  type NewUser,
} from '../../unit/gateway/directory-calls.ts';
import { callsOf, submit } from '../gateway/cast.ts';
import { soon } from './cluster-under-test.ts';
import { Recount } from './recount.ts';

const QUEUED = 1_000;
const AT_ONCE = 64;
const SOON_MS = 30_000;

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '4']);
const { client } = system;
const calls = await callsOf(system);

async function limit(
  owner: { readonly scope: OwnerLimits['scope']; readonly key: string },
  cpu: number,
): Promise<void> {
  await client.administration.setLimits({ ...owner, totalResourceSlots: { cpu: String(cpu) } });
}

async function unlimitedUser(project: string): Promise<NewUser> {
  await answerOf(
    calls,
    `mutation ($input: KeypairResourcePolicyInput!) {
      createKeypairResourcePolicy(name: "unlimited", input: $input) { rejection { code message } }
    }`,
    { input: { maxConcurrentSessions: 0 } },
  );
  return await makeUser(calls, {
    email: 'many@physics.test',
    domain: 'physics',
    projects: [{ projectId: project }],
    keypairResourcePolicy: 'unlimited',
  });
}

const limits = suite('limits: while a thousand sessions wait');

limits('each change is obeyed by the next placement, of every kind of owner', async () => {
  const project = await makeProject(calls, 'physics', 'optics');
  const user = await unlimitedUser(project);
  const owners = [
    { scope: 'USER', key: user.id },
    { scope: 'PROJECT', key: project },
    { scope: 'DOMAIN', key: 'physics' },
    { scope: 'KEYPAIR', key: user.accessKey },
  ] as const;
  const [first] = owners;
  await limit(first, 4);
  const ids: string[] = [];
  await sideBySide(QUEUED, AT_ONCE, async () => {
    ids.push(await submit(calls, user.headers, { cpu: '1' }));
  });
  const held = async (): Promise<number> =>
    (await Recount.of(system.bus)).sessionsOf(`user:${user.id}`).length;
  await soon(async () => (await held()) === 4, SOON_MS);
  let most = 4;
  for (const owner of owners) {
    // The one before says more than this one from now on.
    await limit(owner, most + 6);
    if (owner !== first) await limit(first, 1_000);
    most += 6;
    for (const before of owners.slice(0, owners.indexOf(owner))) await limit(before, 1_000);
    await soon(async () => (await held()) === most, SOON_MS).catch(async (cause: unknown) => {
      throw new Error(`${owner.scope}: ${await held()} instead of ${most}`, { cause });
    });
  }
  // Less than is held: who runs goes on, and nobody starts until enough have gone.
  await limit(first, 10);
  const before = await Recount.of(system.bus);
  const running = before.sessionsOf(`user:${user.id}`);
  const [one = '', ...others] = running;
  await client.terminateSessions({ ids: others.slice(0, most - 10), mode: 'FORCE' });
  await soon(async () => (await held()) === 10, SOON_MS);
  assert.is((await Recount.of(system.bus)).placements, before.placements);
  await client.terminateSessions({ ids: [one], mode: 'FORCE' });
  await soon(
    async () => (await Recount.of(system.bus)).placements === before.placements + 1,
    SOON_MS,
  );
  await soon(async () => (await held()) === 10, SOON_MS);
  const recount = await Recount.of(system.bus);
  assert.equal(recount.violations, []);
  assert.ok(recount.limitChanges >= 8);
  assert.is(recount.waitingOf(`user:${user.id}`), QUEUED - recount.placements);
});

limits.after(async () => {
  await system[Symbol.asyncDispose]();
});
limits.run();
