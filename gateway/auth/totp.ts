import { createHmac, randomBytes } from 'node:crypto';
import { Secret, TOTP } from 'otpauth';
import type { DerivedKeys } from './master-key.ts';
import { open, seal } from './secret-box.ts';

/** As every app that shows codes expects them (RFC 6238). */
const CODE = { algorithm: 'SHA1', digits: 6, period: 30 } as const;
const STEP_MS = CODE.period * 1000;
const ISSUER = 'Orrery';
const SECRET_BYTES = 20;
/** Steps before and after: clocks differ, and people type slowly. */
const STEPS_ASIDE = 1;

const RECOVERY_CODES = 10;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** 80 bits of each. */
const RECOVERY_CHARACTERS = 16;
const RECOVERY_PART = 4;

export interface NewTotp {
  /** Base32, and the address that apps read. */
  readonly secret: string;
  readonly uri: string;
  readonly recoveryCodes: readonly string[];
  readonly sealedSecret: string;
  readonly recoveryHashes: readonly string[];
}

/** A secret and codes that are shown once; what is kept of them tells nothing without the master key. */
export function newTotp(
  user: { readonly id: string; readonly email: string },
  keys: DerivedKeys,
): NewTotp {
  const secret = new Secret({ size: SECRET_BYTES });
  const totp = new TOTP({ ...CODE, issuer: ISSUER, label: user.email, secret });
  const recoveryCodes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
  return {
    secret: secret.base32,
    uri: totp.toString(),
    recoveryCodes,
    sealedSecret: seal(secret.base32, labelOf(user.id), keys.secretSealing),
    recoveryHashes: recoveryCodes.map((code) => hashRecoveryCode(code, user.id, keys)),
  };
}

/** What was typed, as a command of the user's that takes it once; undefined when it is no right code. */
export type TypedCode =
  | { readonly type: 'use-totp'; readonly step: number }
  | { readonly type: 'use-recovery-code'; readonly hash: string };

/** @throws {SecretUnreadable} under another master key. */
export function readCode(
  text: string,
  of: { readonly userId: string; readonly sealedSecret: string; readonly nowMs: number },
  keys: DerivedKeys,
): TypedCode | undefined {
  const code = text.replaceAll(/[\s-]/g, '').toLowerCase();
  if (code.length === RECOVERY_CHARACTERS)
    return { type: 'use-recovery-code', hash: hashRecoveryCode(code, of.userId, keys) };
  if (!/^\d{6}$/.test(code)) return undefined;
  const secret = Secret.fromBase32(open(of.sealedSecret, labelOf(of.userId), keys.secretSealing));
  const totp = new TOTP({ ...CODE, secret });
  const aside = totp.validate({ token: code, timestamp: of.nowMs, window: STEPS_ASIDE });
  if (aside === null) return undefined;
  return { type: 'use-totp', step: Math.floor(of.nowMs / STEP_MS) + aside };
}

/** Not the name of any key pair, whose secrets are sealed under the same key. */
function labelOf(userId: string): string {
  return `totp ${userId}`;
}

function hashRecoveryCode(code: string, userId: string, keys: DerivedKeys): string {
  const plain = code.replaceAll('-', '');
  return createHmac('sha256', keys.recoveryCodes).update(`${userId} ${plain}`).digest('base64url');
}

/** Such as `abcd-efgh-ijkl-mnop`. */
function newRecoveryCode(): string {
  const letters = [...randomBytes(RECOVERY_CHARACTERS)].map((byte) => BASE32.charAt(byte & 31));
  const parts = Array.from({ length: RECOVERY_CHARACTERS / RECOVERY_PART }, (_, part) =>
    letters.slice(part * RECOVERY_PART, (part + 1) * RECOVERY_PART).join(''),
  );
  return parts.join('-');
}
