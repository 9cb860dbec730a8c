import {
  DEFAULT_RATE_LIMIT,
  derivedId,
  type KeypairCommand,
  newId,
  subjects,
  systemClock,
  type UserCommand,
} from '@orrery/bus';
import { deriveKeys } from '../../gateway/auth/master-key.ts';
import { seal } from '../../gateway/auth/secret-box.ts';
import { connect, type OrreryClient } from '../../gateway/client/client.ts';
import type { StartedSystem } from './system.ts';

const ACCESS_KEY = 'AKIAANOTHERUSER00000';
const SECRET_KEY = 'SecretKeyOfAnotherUserOfTheTests00000000';
const WAIT_MS_MAX = 30_000;

/** A client of a user without rights over others, who is registered first; the caller ends it. */
export async function connectAsUser(system: StartedSystem, email: string): Promise<OrreryClient> {
  const { bus, settings, endpoint } = system;
  const userId = derivedId('user', email);
  const profile = { email, username: 'another', domain: 'default', projectId: 'default' };
  const register: UserCommand = {
    type: 'register',
    profile: { ...profile, role: 'user' },
    passwordHash: 'none',
  };
  const sealedSecret = seal(
    SECRET_KEY,
    ACCESS_KEY,
    deriveKeys(settings.gateway.masterKey).secretSealing,
  );
  const create: KeypairCommand = {
    type: 'create',
    userId,
    sealedSecret,
    isAdmin: false,
    rateLimit: DEFAULT_RATE_LIMIT,
  };
  const signal = AbortSignal.timeout(WAIT_MS_MAX);
  const actor = { kind: 'system', id: 'test' } as const;
  let newest = 0;
  for (const what of [
    { aggregate: 'user', aggregateId: userId, command: register },
    { aggregate: 'keypair', aggregateId: ACCESS_KEY, command: create },
  ] as const) {
    const sentAtMs = systemClock.nowMs();
    const outcome = await bus.inbox.request(
      { id: newId(sentAtMs), sentAtMs, actor, ...what },
      signal,
    );
    if (!outcome.ok) throw new Error(`the user was refused: ${outcome.error.code}`);
    newest = outcome.sequence;
  }
  await projected(system, newest, signal);
  return connect({ endpoint, accessKey: ACCESS_KEY, secretKey: SECRET_KEY });
}

/** The projector says how far it is every few seconds, also when nothing happens. */
async function projected(
  { bus }: StartedSystem,
  sequence: number,
  signal: AbortSignal,
): Promise<void> {
  for await (const { body } of bus.live.subscribe(subjects.projected, signal)) {
    const told = typeof body === 'object' && body !== null && 'sequence' in body;
    if (told && Number(body.sequence) >= sequence) return;
  }
  throw new Error(`the projections did not reach ${sequence}`);
}
