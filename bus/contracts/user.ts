import { z } from 'zod';
import { Description } from './directory-values.ts';
import { AccessKey, KeypairGrant } from './keypair.ts';
import { SshFingerprint, SshKey, SshKeyLabel } from './ssh-key.ts';

export const USER_SCHEMA_VERSION = 1;

export const UserRole = z.enum(['superadmin', 'admin', 'user', 'monitor']);
export type UserRole = z.infer<typeof UserRole>;

export const UserStatus = z.enum(['active', 'inactive', 'deleted', 'before-verification']);
export type UserStatus = z.infer<typeof UserStatus>;

export const DEFAULT_DOMAIN = 'default';
export const DEFAULT_PROJECT = 'default';

export const UserProfile = z.object({
  email: z.email().max(64),
  username: z.string().min(1).max(64),
  role: UserRole,
  domain: z.string(),
  /** The project of sessions that name none; also where there are no memberships. */
  projectId: z.string(),
});
export type UserProfile = Readonly<z.infer<typeof UserProfile>>;

/** A project that the user belongs to; who administers it may do there what its members may do to their own. */
export const Membership = z.object({
  projectId: z.string().min(1).max(128),
  role: z.enum(['member', 'admin']),
});
export type Membership = Readonly<z.infer<typeof Membership>>;

/** What can be said of a user besides the profile that they were registered with. */
export const UserDetails = z.object({
  fullName: z.string().max(256),
  description: Description,
  needPasswordChange: z.boolean(),
  /** Name of a user resource policy. */
  resourcePolicy: z.string().min(1).max(256),
  /** Addresses or CIDR blocks; null: any. */
  allowedClientIp: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).nullable(),
  sudoSessionEnabled: z.boolean(),
});
export type UserDetails = Readonly<z.infer<typeof UserDetails>>;

export const UserChanges = z
  .object({
    username: UserProfile.shape.username,
    role: UserRole,
    domain: z.string(),
    mainAccessKey: AccessKey,
    ...UserDetails.shape,
  })
  .partial();
export type UserChanges = Readonly<z.infer<typeof UserChanges>>;

/** A second factor: codes by time (RFC 6238), and codes for whoever has lost what shows them. */
const TotpGrant = z.object({
  sealedSecret: z.string(),
  recoveryHashes: z.array(z.string()).max(32),
});

const MEMBERSHIPS_MAX = 1_000;
const Memberships = z.array(Membership).max(MEMBERSHIPS_MAX);

export const UserEvent = z.discriminatedUnion('type', [
  /** `passwordHash` in PHC string format; a password itself never reaches the bus. */
  z.object({
    type: z.literal('user-registered'),
    user: z.uuid(),
    profile: UserProfile,
    passwordHash: z.string(),
    details: UserDetails.optional(),
    status: UserStatus.optional(),
  }),
  z.object({
    type: z.literal('user-password-changed'),
    passwordHash: z.string(),
    needPasswordChange: z.boolean().optional(),
  }),
  z.object({ type: z.literal('user-changed'), changes: UserChanges }),
  z.object({ type: z.literal('user-status-set'), status: UserStatus, statusInfo: z.string() }),
  /** Old writers' word for the status inactive. */
  z.object({ type: z.literal('user-deactivated') }),
  z.object({ type: z.literal('user-projects-set'), projects: z.array(Membership) }),
  z.object({ type: z.literal('user-key-issued'), ...KeypairGrant.shape }),
  z.object({ type: z.literal('user-key-withdrawn'), accessKey: AccessKey }),
  /** Of no use before it is confirmed. The secret is sealed; of recovery codes only keyed hashes are known. */
  z.object({ type: z.literal('user-totp-enrolled'), ...TotpGrant.shape }),
  /** From now on nobody signs in as the user by password alone. `step` counts 30 s since the epoch. */
  z.object({ type: z.literal('user-totp-activated'), step: z.int() }),
  /** No code of this step or an earlier one is good any more. */
  z.object({ type: z.literal('user-totp-used'), step: z.int() }),
  z.object({ type: z.literal('user-recovery-code-used'), hash: z.string() }),
  z.object({ type: z.literal('user-totp-removed') }),
  z.object({ type: z.literal('user-ssh-key-added'), key: SshKey }),
  z.object({
    type: z.literal('user-ssh-key-labelled'),
    fingerprint: SshFingerprint,
    label: SshKeyLabel,
  }),
  z.object({ type: z.literal('user-ssh-key-removed'), fingerprint: SshFingerprint }),
  z.object({ type: z.literal('user-purged') }),
]);
export type UserEvent = Readonly<z.infer<typeof UserEvent>>;

export const UserCommand = z.discriminatedUnion('type', [
  /** Once more with the same profile is accepted; nobody is registered again who was purged. */
  z.strictObject({
    type: z.literal('register'),
    profile: UserProfile,
    passwordHash: z.string(),
    details: UserDetails.optional(),
    status: UserStatus.optional(),
    projects: Memberships.optional(),
    /** The first key pair, which becomes the main one. */
    key: KeypairGrant.optional(),
  }),
  z.strictObject({
    type: z.literal('change-password'),
    passwordHash: z.string(),
    needPasswordChange: z.boolean().optional(),
  }),
  /** All of it or nothing. Another domain without projects takes all memberships away. */
  z.strictObject({
    type: z.literal('modify'),
    changes: UserChanges,
    passwordHash: z.string().optional(),
    status: UserStatus.optional(),
    projects: Memberships.optional(),
  }),
  z.strictObject({ type: z.literal('deactivate') }),
  z.strictObject({ type: z.literal('join-project'), ...Membership.shape }),
  z.strictObject({ type: z.literal('leave-project'), projectId: z.string() }),
  z.strictObject({ type: z.literal('issue-key'), key: KeypairGrant }),
  /** Refused for the main one. */
  z.strictObject({ type: z.literal('withdraw-key'), accessKey: AccessKey }),
  /** Refused while another one is active; one that was not confirmed is replaced. */
  z.strictObject({ type: z.literal('enrol-totp'), ...TotpGrant.shape }),
  /** Sent by who has seen that the code of that step is right. */
  z.strictObject({ type: z.literal('confirm-totp'), step: z.int() }),
  /** Refused for a step whose code, or a later one's, was used: each is good once. */
  z.strictObject({ type: z.literal('use-totp'), step: z.int() }),
  z.strictObject({ type: z.literal('use-recovery-code'), hash: z.string() }),
  z.strictObject({ type: z.literal('remove-totp') }),
  z.strictObject({ type: z.literal('add-ssh-key'), key: SshKey }),
  z.strictObject({
    type: z.literal('label-ssh-key'),
    fingerprint: SshFingerprint,
    label: SshKeyLabel,
  }),
  z.strictObject({ type: z.literal('remove-ssh-key'), fingerprint: SshFingerprint }),
  /** For ever: the keys go too. Only of a user without sessions; that is the gateway's to see. */
  z.strictObject({ type: z.literal('purge') }),
]);
export type UserCommand = Readonly<z.infer<typeof UserCommand>>;
