import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { derivedId, SettingsInvalid } from '@orrery/bus';

const MASTER_KEY_BYTES = 32;

/** Keys for one purpose each, derived from the master key; knowing one tells nothing of another. */
export interface DerivedKeys {
  readonly tokenSigning: Uint8Array;
  readonly secretSealing: Uint8Array;
  readonly idempotency: KeyObject;
  readonly recoveryCodes: KeyObject;
}

/** @throws {SettingsInvalid} unless the text is base64 of 32 bytes. */
export function deriveKeys(masterKey: string): DerivedKeys {
  const bytes = Buffer.from(masterKey, 'base64');
  if (bytes.length !== MASTER_KEY_BYTES) {
    throw new SettingsInvalid(`gateway.masterKey must be base64 of ${MASTER_KEY_BYTES} bytes`);
  }
  const derive = (purpose: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', bytes, '', `orrery ${purpose}`, MASTER_KEY_BYTES));
  return {
    tokenSigning: derive('token signing'),
    secretSealing: derive('secret sealing'),
    idempotency: createSecretKey(derive('idempotency')),
    recoveryCodes: createSecretKey(derive('recovery codes')),
  };
}

/** The same session id for the same key, which nobody without the master key can foretell. */
export function sessionIdOf(idempotencyKey: string, keys: DerivedKeys): string {
  const digest = createHmac('sha256', keys.idempotency).update(idempotencyKey).digest('hex');
  return derivedId('session', digest);
}
