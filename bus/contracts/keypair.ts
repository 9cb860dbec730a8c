import { z } from 'zod';

export const KEYPAIR_SCHEMA_VERSION = 1;

/** `AKIA` and 16 base32 characters (reference: key pairs). */
export const AccessKey = z
  .string()
  .regex(/^AKIA[A-Z0-9]{16}$/, 'an access key is AKIA and 16 characters');

/** Usual limit of requests in a rolling window of 15 minutes. */
export const DEFAULT_RATE_LIMIT = 10_000;

export const KeypairEvent = z.discriminatedUnion('type', [
  /** `sealedSecret`: the secret key encrypted under the cluster's master key, never in clear. */
  z.object({
    type: z.literal('keypair-created'),
    accessKey: AccessKey,
    userId: z.uuid(),
    sealedSecret: z.string(),
    isAdmin: z.boolean(),
    rateLimit: z.int(),
  }),
  z.object({ type: z.literal('keypair-deactivated') }),
]);
export type KeypairEvent = Readonly<z.infer<typeof KeypairEvent>>;

export const KeypairCommand = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('create'),
    userId: z.uuid(),
    sealedSecret: z.string(),
    isAdmin: z.boolean(),
    rateLimit: z.int().min(1),
  }),
  z.strictObject({ type: z.literal('deactivate') }),
]);
export type KeypairCommand = Readonly<z.infer<typeof KeypairCommand>>;
