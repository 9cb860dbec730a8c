import type { KeyObject } from 'node:crypto';
import type { KeypairRow } from '@orrery/projections';
import { LRUCache } from 'lru-cache';
import { open } from './secret-box.ts';
import type { SignedRequest } from './signature.ts';
import { dayOf, signingKey } from './signing.ts';

/** Key pairs × days × names of this gateway. */
const KEYS_KEPT_MAX = 10_000;

/**
 * Keys that signed requests are checked with. Each is derived once a day; a key pair whose secret was
 * sealed anew has other ones.
 */
export class SigningKeys {
  readonly #keys = new LRUCache<string, KeyObject>({ max: KEYS_KEPT_MAX });
  readonly #sealing: Uint8Array;

  constructor(sealing: Uint8Array) {
    this.#sealing = sealing;
  }

  /** @throws {SecretUnreadable} */
  of(
    { accessKey, sealedSecret }: Pick<KeypairRow, 'accessKey' | 'sealedSecret'>,
    { parts, hash }: Pick<SignedRequest, 'parts' | 'hash'>,
  ): KeyObject {
    const name = JSON.stringify([accessKey, sealedSecret, hash, dayOf(parts.date), parts.host]);
    const kept = this.#keys.get(name);
    if (kept !== undefined) return kept;
    const key = signingKey(open(sealedSecret, accessKey, this.#sealing), parts, hash);
    this.#keys.set(name, key);
    return key;
  }
}
