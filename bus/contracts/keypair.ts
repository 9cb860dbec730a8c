import { z } from 'zod';

export const KEYPAIR_SCHEMA_VERSION = 1;

/** `AKIA` and 16 base32 characters (reference: key pairs). */
export const AccessKey = z
  .string()
  .regex(/^AKIA[A-Z0-9]{16}$/, 'an access key is AKIA and 16 characters');

/** Usual limit of requests in a rolling window of 15 minutes. */
export const DEFAULT_RATE_LIMIT = 10_000;

/** What can be said of a key pair, besides its secret. */
const KeypairSettings = z.object({
  isActive: z.boolean(),
  isAdmin: z.boolean(),
  /** Name of a keypair resource policy. */
  resourcePolicy: z.string().min(1).max(256),
  rateLimit: z.int().min(1).max(1_000_000_000),
});
export const KeypairChanges = KeypairSettings.partial();
export type KeypairChanges = Readonly<z.infer<typeof KeypairChanges>>;

/** A key pair as it is given out. `sealedSecret`: encrypted under the cluster's master key, never in clear. */
export const KeypairGrant = z.object({
  accessKey: AccessKey,
  sealedSecret: z.string(),
  isAdmin: z.boolean(),
  rateLimit: z.int().min(1),
  /** Absent: no policy, so no limits; and it is active. */
  resourcePolicy: z.string().min(1).max(256).optional(),
  isActive: z.boolean().optional(),
});
export type KeypairGrant = Readonly<z.infer<typeof KeypairGrant>>;

export const KeypairEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('keypair-created'),
    accessKey: AccessKey,
    userId: z.uuid(),
    sealedSecret: z.string(),
    isAdmin: z.boolean(),
    rateLimit: z.int(),
    resourcePolicy: z.string().optional(),
    isActive: z.boolean().optional(),
  }),
  z.object({ type: z.literal('keypair-changed'), changes: KeypairChanges }),
  /** The secret before it signs nothing any more. */
  z.object({ type: z.literal('keypair-secret-rotated'), sealedSecret: z.string() }),
  z.object({ type: z.literal('keypair-deactivated') }),
  z.object({ type: z.literal('keypair-deleted') }),
]);
export type KeypairEvent = Readonly<z.infer<typeof KeypairEvent>>;

export const KeypairCommand = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('create'),
    userId: z.uuid(),
    ...KeypairGrant.omit({ accessKey: true }).shape,
  }),
  z.strictObject({ type: z.literal('modify'), changes: KeypairChanges }),
  z.strictObject({ type: z.literal('rotate'), sealedSecret: z.string() }),
  /** The role of its user has changed. Sent by the user. */
  z.strictObject({
    type: z.literal('follow-role'),
    isAdmin: z.boolean(),
    /** Whether it is the first of its user's. */
    isFirst: z.boolean(),
  }),
  z.strictObject({ type: z.literal('deactivate') }),
  /** Sent by the user, who knows which is the main one. */
  z.strictObject({ type: z.literal('delete') }),
]);
export type KeypairCommand = Readonly<z.infer<typeof KeypairCommand>>;
