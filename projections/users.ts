import { type Membership, type UserEvent, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { UserRow } from './rows.ts';

/** What one event does to the row of a user; undefined stands for one of an unknown type. */
export function projectUser(
  row: UserRow | undefined,
  event: UserEvent | undefined,
  at: Moment,
): UserRow | undefined {
  const modifiedAtMs = instantMs(at.recordedAtMs);
  if (event?.type === 'user-registered') return registered(row, event, at);
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(row, event, at)), modifiedAtMs, ...placeOf(at) };
}

type Registered = Extract<UserEvent, { readonly type: 'user-registered' }>;

function registered(row: UserRow | undefined, event: Registered, at: Moment): UserRow {
  const { profile, passwordHash, details, status = 'active' } = event;
  const modifiedAtMs = instantMs(at.recordedAtMs);
  // Who was registered before there were memberships belongs to the project of their profile.
  const projects: Membership[] =
    details === undefined ? [{ projectId: profile.projectId, role: 'member' }] : [];
  return {
    id: at.id,
    ...profile,
    projects,
    passwordHash,
    passwordChangedAtMs: null,
    needPasswordChange: details?.needPasswordChange ?? false,
    fullName: details?.fullName ?? '',
    description: details?.description ?? '',
    status,
    statusInfo: null,
    isActive: status === 'active',
    resourcePolicy: details?.resourcePolicy ?? 'default',
    allowedClientIp: details?.allowedClientIp ?? null,
    sudoSessionEnabled: details?.sudoSessionEnabled ?? false,
    mainAccessKey: null,
    ...NO_TOTP,
    sshKeys: [],
    isPurged: false,
    createdAtMs: row?.createdAtMs ?? modifiedAtMs,
    modifiedAtMs,
    ...placeOf(at),
  };
}

function changeOf(
  row: UserRow,
  event: Exclude<UserEvent, Registered>,
  at: Moment,
): Partial<UserRow> {
  switch (event.type) {
    case 'user-password-changed':
      return {
        passwordHash: event.passwordHash,
        passwordChangedAtMs: instantMs(at.recordedAtMs),
        needPasswordChange: event.needPasswordChange ?? row.needPasswordChange,
      };
    case 'user-changed': {
      const given = Object.entries(event.changes).filter(([, value]) => value !== undefined);
      return Object.fromEntries(given);
    }
    case 'user-status-set': {
      const { status, statusInfo } = event;
      return { status, statusInfo, isActive: status === 'active' };
    }
    case 'user-deactivated':
      return { status: 'inactive', isActive: false };
    case 'user-projects-set':
      return { projects: event.projects, projectId: defaultProject(row, event.projects) };
    case 'user-key-issued':
      return { mainAccessKey: row.mainAccessKey ?? event.accessKey };
    case 'user-key-withdrawn':
      return {};
    case 'user-ssh-key-added':
      return {
        sshKeys: [...row.sshKeys, { ...event.key, addedAtMs: instantMs(at.recordedAtMs) }],
      };
    case 'user-ssh-key-labelled': {
      const { fingerprint, label } = event;
      return {
        sshKeys: row.sshKeys.map((key) =>
          key.fingerprint === fingerprint ? { ...key, label } : key,
        ),
      };
    }
    case 'user-ssh-key-removed':
      return { sshKeys: row.sshKeys.filter((key) => key.fingerprint !== event.fingerprint) };
    case 'user-purged':
      return {
        status: 'deleted',
        isActive: false,
        isPurged: true,
        projects: [],
        sshKeys: [],
        ...NO_TOTP,
      };
    default:
      return totpOf(row, event, at);
  }
}

const NO_TOTP = { sealedTotpSecret: null, totpActivatedAtMs: null, recoveryCodesLeft: 0 } as const;

type TotpEvent = Extract<
  UserEvent,
  { readonly type: `user-totp-${string}` | 'user-recovery-code-used' }
>;

function totpOf(row: UserRow, event: TotpEvent, at: Moment): Partial<UserRow> {
  switch (event.type) {
    case 'user-totp-enrolled': {
      const { sealedSecret: sealedTotpSecret, recoveryHashes } = event;
      return { ...NO_TOTP, sealedTotpSecret, recoveryCodesLeft: recoveryHashes.length };
    }
    case 'user-totp-activated':
      return { totpActivatedAtMs: instantMs(at.recordedAtMs) };
    case 'user-totp-used':
      return {};
    case 'user-recovery-code-used':
      return { recoveryCodesLeft: row.recoveryCodesLeft - 1 };
    case 'user-totp-removed':
      return NO_TOTP;
    default:
      return unreachable(event);
  }
}

/** The one that it was, as long as the user belongs to it. */
function defaultProject({ projectId }: UserRow, projects: readonly Membership[]): string {
  const [first] = projects;
  const isKept = projects.some((membership) => membership.projectId === projectId);
  return isKept || first === undefined ? projectId : first.projectId;
}
