import type { UserRow } from '@orrery/projections';
import ssh2, { type PublicKeyAuthContext } from 'ssh2';
import { callerOf } from '../auth/authenticate.ts';
import type { SignedInCaller } from '../auth/may.ts';
import type { Gateway } from '../gateway.ts';
import type { RunningKernel } from '../inside/main-kernel.ts';
import { findWanted } from './find-wanted.ts';
import { fingerprintOf } from './public-key.ts';

/** Who came in, with which key, and where to. */
export interface SignedIn {
  readonly caller: SignedInCaller;
  readonly fingerprint: string;
  readonly kernel: RunningKernel;
  /** Names by which programs of the kernel know it. */
  readonly hostnames: readonly string[];
}

export type SignInOutcome = SignedIn | 'key-known' | 'refused';

/**
 * A key first shows itself, and then proves that it is there. Whoever has a known key learns no more of a session that
 * is not theirs than of one that there is not.
 */
export async function signIn(
  gateway: Gateway,
  attempt: PublicKeyAuthContext,
  signal: AbortSignal,
): Promise<SignInOutcome> {
  const { key, signature, blob, hashAlgo, username } = attempt;
  // SHA-1 is what an RSA key signs with when it names no other digest.
  if (key.algo === 'ssh-rsa' && hashAlgo === undefined) return 'refused';
  // What was taken away a moment ago must not open anything.
  await gateway.progress.reached(await gateway.bus.log.lastSequence(), signal);
  const fingerprint = fingerprintOf(key.data);
  const users = await gateway.projections.usersOfSshKey(fingerprint);
  const active = users.filter(({ isActive }) => isActive);
  if (active.length === 0) return 'refused';
  if (signature === undefined || blob === undefined) return 'key-known';
  if (!isSigned(key.data, { signature, blob, hashAlgo })) return 'refused';
  return await findOne(gateway, { users: active, username, fingerprint }, signal);
}

/** Whether the key is its user's still, and that user active, past the last commit of the log. */
export async function isStillIn(
  gateway: Gateway,
  { caller, fingerprint }: SignedIn,
  signal: AbortSignal,
): Promise<boolean> {
  await gateway.progress.reached(await gateway.bus.log.lastSequence(), signal);
  const users = await gateway.projections.usersOfSshKey(fingerprint);
  return users.some(({ id, isActive }) => isActive && id === caller.userId);
}

/** A key that several users have opens what one of them alone has under the name. */
async function findOne(
  gateway: Gateway,
  asked: {
    readonly users: readonly UserRow[];
    readonly username: string;
    readonly fingerprint: string;
  },
  signal: AbortSignal,
): Promise<SignedIn | 'refused'> {
  const found: SignedIn[] = [];
  for (const user of asked.users) {
    const caller = callerOf(user, undefined);
    if (caller.kind !== 'user') continue;
    const wanted = await findWanted(gateway, { caller, name: asked.username }, signal);
    if (wanted !== undefined) found.push({ caller, fingerprint: asked.fingerprint, ...wanted });
  }
  const [one, another] = found;
  return one === undefined || another !== undefined ? 'refused' : one;
}

function isSigned(
  publicKey: Buffer,
  {
    signature,
    blob,
    hashAlgo,
  }: { readonly signature: Buffer; readonly blob: Buffer; readonly hashAlgo: string | undefined },
): boolean {
  const parsed = ssh2.utils.parseKey(publicKey);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error) return false;
  return key.verify(blob, signature, hashAlgo) === true;
}
