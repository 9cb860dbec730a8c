import type {
  Membership,
  SshKey,
  UserDetails,
  UserEvent,
  UserProfile,
  UserStatus,
} from '@orrery/bus';
import { assign, setup } from 'xstate';
import type { StateOf } from '../runtime/compiled-machine.ts';

export interface UserContext {
  readonly profile?: UserProfile;
  readonly details?: UserDetails;
  readonly passwordHash?: string;
  readonly status: UserStatus;
  readonly projects: readonly Membership[];
  /** In the order in which they were issued. */
  readonly accessKeys: readonly string[];
  readonly mainAccessKey?: string | undefined;
  /** Absent: no second factor. */
  readonly totp?: Totp | undefined;
  /** In the order in which they were added. */
  readonly sshKeys: readonly SshKey[];
}

export interface Totp {
  readonly state: 'enrolled' | 'active';
  /** Newest whose code was used. */
  readonly step: number;
  /** Of recovery codes that were not used. */
  readonly recoveryHashes: readonly string[];
}

/** What a user is to whom nothing else was said. */
export const DEFAULT_DETAILS: UserDetails = {
  fullName: '',
  description: '',
  needPasswordChange: false,
  resourcePolicy: 'default',
  allowedClientIp: null,
  sudoSessionEnabled: false,
};

interface At {
  readonly context: UserContext;
  readonly event: UserEvent;
}

/** Named before the change is remembered: the policy that counted until then has to be told as well. */
const bindPolicy = {
  type: 'bindPolicy',
  params: ({ context, event }: At) => ({
    before: context.details?.resourcePolicy,
    after: policyAfter(context, event),
  }),
} as const;
const createKey = { type: 'createKey', params: ({ event }: At) => ({ event }) } as const;
const deleteKey = { type: 'deleteKey', params: ({ event }: At) => ({ event }) } as const;
const tellRole = { type: 'tellRole', params: ({ event }: At) => ({ event }) } as const;
const statusKeys = { type: 'statusKeys', params: ({ event }: At) => ({ event }) } as const;

interface OfEvent {
  readonly event: UserEvent;
}

/** A person who may sign in. It has no states to leave by time. */
export const userMachine = setup({
  types: { context: {} as UserContext, events: {} as UserEvent },
  actions: {
    remember: assign(({ context, event }) => remembered(context, event)),
    bindPolicy: (
      _,
      _params: { readonly before: string | undefined; readonly after: string | undefined },
    ) => {},
    createKey: (_, _params: OfEvent) => {},
    deleteKey: (_, _params: OfEvent) => {},
    tellRole: (_, _params: OfEvent) => {},
    statusKeys: (_, _params: OfEvent) => {},
    deleteKeys: () => {},
  },
}).createMachine({
  id: 'user',
  context: { status: 'active', projects: [], accessKeys: [], sshKeys: [] },
  initial: 'absent',
  states: {
    absent: {
      on: { 'user-registered': { target: 'present', actions: [bindPolicy, 'remember'] } },
    },
    present: {
      on: {
        'user-password-changed': { actions: 'remember' },
        'user-changed': { actions: [bindPolicy, 'remember', tellRole] },
        'user-status-set': { actions: ['remember', statusKeys] },
        'user-deactivated': { actions: 'remember' },
        'user-projects-set': { actions: 'remember' },
        'user-key-issued': { actions: ['remember', createKey] },
        'user-key-withdrawn': { actions: ['remember', deleteKey] },
        'user-totp-enrolled': { actions: 'remember' },
        'user-totp-activated': { actions: 'remember' },
        'user-totp-used': { actions: 'remember' },
        'user-recovery-code-used': { actions: 'remember' },
        'user-totp-removed': { actions: 'remember' },
        'user-ssh-key-added': { actions: 'remember' },
        'user-ssh-key-labelled': { actions: 'remember' },
        'user-ssh-key-removed': { actions: 'remember' },
        'user-purged': { target: 'purged', actions: [bindPolicy, 'deleteKeys', 'remember'] },
      },
    },
    /** Their sessions keep the id, so that nobody else ever gets it. */
    purged: {},
  },
});

export type UserSnapshot = StateOf<typeof userMachine>;

function policyAfter({ details }: UserContext, event: UserEvent): string | undefined {
  switch (event.type) {
    case 'user-registered':
      return event.details?.resourcePolicy;
    case 'user-changed':
      return event.changes.resourcePolicy ?? details?.resourcePolicy;
    default:
      return undefined;
  }
}

function remembered(context: UserContext, event: UserEvent): Partial<UserContext> {
  switch (event.type) {
    case 'user-registered': {
      const { profile, passwordHash, details = DEFAULT_DETAILS, status = 'active' } = event;
      // Who was registered before there were memberships belongs to the project of their profile.
      const projects: readonly Membership[] =
        event.details === undefined ? [{ projectId: profile.projectId, role: 'member' }] : [];
      return { profile, passwordHash, details, status, projects };
    }
    case 'user-password-changed': {
      const { passwordHash, needPasswordChange } = event;
      const { details = DEFAULT_DETAILS } = context;
      if (needPasswordChange === undefined) return { passwordHash };
      return { passwordHash, details: { ...details, needPasswordChange } };
    }
    case 'user-changed':
      return changed(context, event.changes);
    case 'user-status-set':
      return { status: event.status };
    case 'user-deactivated':
      return { status: 'inactive' };
    case 'user-projects-set':
      return { projects: event.projects };
    case 'user-key-issued': {
      const { accessKey } = event;
      const { accessKeys, mainAccessKey = accessKey } = context;
      return { accessKeys: [...accessKeys, accessKey], mainAccessKey };
    }
    case 'user-key-withdrawn':
      return { accessKeys: context.accessKeys.filter((key) => key !== event.accessKey) };
    case 'user-ssh-key-added':
      return { sshKeys: [...context.sshKeys, event.key] };
    case 'user-ssh-key-labelled': {
      const { fingerprint, label } = event;
      const labelled = (key: SshKey): SshKey =>
        key.fingerprint === fingerprint ? { ...key, label } : key;
      return { sshKeys: context.sshKeys.map(labelled) };
    }
    case 'user-ssh-key-removed':
      return { sshKeys: context.sshKeys.filter((key) => key.fingerprint !== event.fingerprint) };
    case 'user-purged':
      return { status: 'deleted', projects: [], totp: undefined, sshKeys: [] };
    default:
      return { totp: totpAfter(context.totp, event) };
  }
}

function totpAfter(totp: Totp | undefined, event: UserEvent): Totp | undefined {
  switch (event.type) {
    case 'user-totp-enrolled':
      return { state: 'enrolled', step: 0, recoveryHashes: event.recoveryHashes };
    case 'user-totp-activated':
      return totp && { ...totp, state: 'active', step: event.step };
    case 'user-totp-used':
      return totp && { ...totp, step: event.step };
    case 'user-recovery-code-used':
      return (
        totp && {
          ...totp,
          recoveryHashes: totp.recoveryHashes.filter((hash) => hash !== event.hash),
        }
      );
    case 'user-totp-removed':
      return undefined;
    default:
      return totp;
  }
}

function changed(
  { profile, details = DEFAULT_DETAILS }: UserContext,
  changes: Extract<UserEvent, { readonly type: 'user-changed' }>['changes'],
): Partial<UserContext> {
  const { username, role, domain, mainAccessKey, ...others } = changes;
  if (profile === undefined) return {};
  return {
    profile: { ...profile, ...defined({ username, role, domain }) },
    details: { ...details, ...defined(others) },
    ...(mainAccessKey === undefined ? {} : { mainAccessKey }),
  };
}

function defined(values: object): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
