import { type UserEvent, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { UserRow } from './rows.ts';

/** What one event does to the row of a user; undefined stands for one of an unknown type. */
export function projectUser(
  row: UserRow | undefined,
  event: UserEvent | undefined,
  at: Moment,
): UserRow | undefined {
  if (event?.type === 'user-registered') {
    const { profile, passwordHash } = event;
    return {
      id: at.id,
      email: profile.email,
      username: profile.username,
      role: profile.role,
      domain: profile.domain,
      projectId: profile.projectId,
      passwordHash,
      isActive: true,
      createdAtMs: row?.createdAtMs ?? instantMs(at.recordedAtMs),
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(event)), ...placeOf(at) };
}

function changeOf(
  event: Exclude<UserEvent, { readonly type: 'user-registered' }>,
): Partial<UserRow> {
  switch (event.type) {
    case 'user-password-changed':
      return { passwordHash: event.passwordHash };
    case 'user-deactivated':
      return { isActive: false };
    default:
      return unreachable(event);
  }
}
