import { z } from 'zod';

/** Of one user. */
export const SSH_KEYS_MAX = 100;

export const SshKeyLabel = z
  .string()
  .min(1, 'it names the key')
  .max(128)
  .refine((label) => label.isWellFormed() && !/\p{Cc}/u.test(label), 'it is one line of text');

/** As OpenSSH shows it: `SHA256:` and the digest of the key in base64 without padding. */
export const SshFingerprint = z
  .string()
  .regex(/^SHA256:[A-Za-z0-9+/]{43}$/, 'SHA256: and 43 characters, as ssh-keygen -l shows it');

/** A public key with which its user signs in over SSH. */
export const SshKey = z.object({
  fingerprint: SshFingerprint,
  /** Such as `ssh-ed25519`. */
  algorithm: z.string().min(1).max(64),
  /** Base64, as it stands in `authorized_keys` after the algorithm. */
  publicKey: z.base64().max(8_192),
  label: SshKeyLabel,
});
export type SshKey = Readonly<z.infer<typeof SshKey>>;
