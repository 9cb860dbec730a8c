import { randomBytes } from 'node:crypto';
import type { KeypairGrant } from '@orrery/bus';
import type { DerivedKeys } from '../../auth/master-key.ts';
import { seal } from '../../auth/secret-box.ts';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const ACCESS_KEY_CHARACTERS = 16;
const SECRET_BYTES = 30;

/** A new key pair (reference: key pairs); the secret in clear is for its user, once. */
export function grantKey(
  keys: DerivedKeys,
  settings: Omit<KeypairGrant, 'accessKey' | 'sealedSecret'>,
): { readonly key: KeypairGrant; readonly secretKey: string } {
  const accessKey = newAccessKey();
  const { sealedSecret, secretKey } = newSecret(keys, accessKey);
  return { key: { accessKey, sealedSecret, ...settings }, secretKey };
}

/** 40 letters of URL-safe base64. */
export function newSecret(
  keys: DerivedKeys,
  accessKey: string,
): { readonly sealedSecret: string; readonly secretKey: string } {
  const secretKey = randomBytes(SECRET_BYTES).toString('base64url');
  return { secretKey, sealedSecret: seal(secretKey, accessKey, keys.secretSealing) };
}

/** `AKIA` and 80 random bits in base32. */
function newAccessKey(): string {
  const letters = [...randomBytes(ACCESS_KEY_CHARACTERS)].map((byte) => BASE32.charAt(byte & 31));
  return `AKIA${letters.join('')}`;
}
