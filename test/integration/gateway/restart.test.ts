import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { documents } from '../../../gateway/client/documents.ts';
import { signRequest } from '../../environment/signed-request.ts';
import { startSystem } from '../../environment/system.ts';
import { answerOf, makeUser } from '../../unit/gateway/directory-calls.ts';
import { callsOf } from './cast.ts';

const ROUNDS = 3;
const KEYS = 3;
const WITHIN_MS = 60_000;
const AGAIN_MS = 200;

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '1']);
const calls = await callsOf(system);

function killControl(): void {
  const { control } = system.pids();
  assert.ok(control, 'the control process runs');
  if (control !== undefined) process.kill(control, 'SIGKILL');
}

interface Payload {
  readonly rejection: object | null;
  readonly secretKey?: string;
}

/** Asks again until the gateway has an answer: while nobody decides, it says so after half a minute. */
async function insist(name: keyof typeof documents, variables: object): Promise<Payload> {
  const until = systemClock.nowMs() + WITHIN_MS;
  for (;;) {
    const { body } = await calls.graphql(documents[name], variables);
    const code = body.errors?.[0]?.extensions['code'];
    if (code !== 'UNAVAILABLE') return Object.values(body.data ?? {})[0] as Payload;
    assert.ok(systemClock.nowMs() < until, `${name} was not answered`);
  }
}

/** Whether a request signed with the secret is taken. */
async function isTaken(accessKey: string, secretKey: string): Promise<boolean> {
  const { endpoint } = system;
  const atMs = systemClock.nowMs();
  const headers = signRequest({ endpoint, target: '/graphql', accessKey, secretKey, atMs });
  const { status } = await calls.graphql('{ viewer { id } }', {}, headers);
  return status === 200;
}

async function activeKeys(userId: string): Promise<number> {
  const page = await answerOf<{ totalCount: number }>(
    calls,
    'query ($userId: ID) { keypairs(userId: $userId, isActive: true) { totalCount } }',
    { userId },
  );
  return page.totalCount;
}

const restart = suite('restart: the control process dies in the middle');

for (let round = 1; round <= ROUNDS; round++) {
  restart(`a user who is deleted has no key pair left that is active (${round})`, async () => {
    const user = await makeUser(calls, { email: `deleted-${round}@example.test` });
    for (let key = 1; key < KEYS; key++)
      assert.is((await insist('createKeypair', { input: { userId: user.id } })).rejection, null);
    assert.is(await activeKeys(user.id), KEYS);
    const deleting = insist('deleteUser', { id: user.id });
    killControl();
    assert.is((await deleting).rejection, null);
    const until = systemClock.nowMs() + WITHIN_MS;
    while ((await activeKeys(user.id)) > 0) {
      assert.ok(systemClock.nowMs() < until, 'some key pair stays active');
      await systemClock.sleep(AGAIN_MS);
    }
    assert.not.ok(await isTaken(user.accessKey, user.secretKey));
  });

  restart(`a key pair that is rotated has one secret (${round})`, async () => {
    const { accessKey, secretKey } = await makeUser(calls, {
      email: `rotated-${round}@example.test`,
    });
    assert.ok(await isTaken(accessKey, secretKey));
    const rotating = insist('rotateKeypair', { accessKey });
    killControl();
    const { rejection, secretKey: fresh = '' } = await rotating;
    assert.is(rejection, null);
    assert.ok(await isTaken(accessKey, fresh));
    assert.not.ok(await isTaken(accessKey, secretKey));
  });
}

restart.after(async () => {
  await system[Symbol.asyncDispose]();
});
restart.run();
