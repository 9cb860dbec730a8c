import { z } from 'zod';

export const USER_SCHEMA_VERSION = 1;

export const UserRole = z.enum(['superadmin', 'admin', 'user', 'monitor']);
export type UserRole = z.infer<typeof UserRole>;

export const DEFAULT_DOMAIN = 'default';
export const DEFAULT_PROJECT = 'default';

export const UserProfile = z.object({
  email: z.email().max(64),
  username: z.string().min(1).max(64),
  role: UserRole,
  domain: z.string(),
  projectId: z.string(),
});
export type UserProfile = Readonly<z.infer<typeof UserProfile>>;

export const UserEvent = z.discriminatedUnion('type', [
  /** `passwordHash` in PHC string format; a password itself never reaches the bus. */
  z.object({
    type: z.literal('user-registered'),
    user: z.uuid(),
    profile: UserProfile,
    passwordHash: z.string(),
  }),
  z.object({ type: z.literal('user-password-changed'), passwordHash: z.string() }),
  z.object({ type: z.literal('user-deactivated') }),
]);
export type UserEvent = Readonly<z.infer<typeof UserEvent>>;

export const UserCommand = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('register'), profile: UserProfile, passwordHash: z.string() }),
  z.strictObject({ type: z.literal('change-password'), passwordHash: z.string() }),
  z.strictObject({ type: z.literal('deactivate') }),
]);
export type UserCommand = Readonly<z.infer<typeof UserCommand>>;
