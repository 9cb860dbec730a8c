import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { OrreryError } from '@orrery/bus';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1';

export class SecretUnreadable extends OrreryError {
  override readonly name = 'SecretUnreadable';
  readonly code = 'gateway.secret-unreadable';
  readonly isRetryable = false;

  constructor(options?: { readonly cause: unknown }) {
    super('a sealed secret does not open with this master key', options);
  }
}

/** `v1.<nonce>.<tag>.<ciphertext>`, base64url. It opens only for the same `label` (an access key). */
export function seal(secret: string, label: string, key: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(label));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  const parts = [nonce, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url'));
  return [VERSION, ...parts].join('.');
}

/** @throws {SecretUnreadable} when the key, the label or the text is another one. */
export function open(sealed: string, label: string, key: Uint8Array): string {
  const [version, nonce = '', tag = '', body = ''] = sealed.split('.');
  if (version !== VERSION) throw new SecretUnreadable();
  try {
    const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(nonce, 'base64url'), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(label));
    decipher.setAuthTag(Buffer.from(tag, 'base64url'));
    const text = Buffer.concat([decipher.update(Buffer.from(body, 'base64url')), decipher.final()]);
    return text.toString('utf8');
  } catch (cause) {
    throw new SecretUnreadable({ cause });
  }
}
