import {
  err,
  known,
  type Membership,
  ok,
  type UserChanges,
  type UserCommand,
  type UserEvent,
} from '@orrery/bus';
import type { Circumstances, Decision } from '../runtime/aggregate.ts';
import { decideTotp } from './decide-totp.ts';
import type { UserContext, UserSnapshot } from './machine.ts';
import { addSshKey, labelSshKey, removeSshKey } from './ssh-keys.ts';

/** Key pairs of one user, with those that were deleted left out. */
export const KEYS_MAX = 100;
const MEMBERSHIPS_MAX = 1_000;
/** Why a status is as it is when an administrator set it. */
const ADMIN_REQUESTED = 'admin-requested';

type Command<Type> = Extract<UserCommand, { readonly type: Type }>;

export function decide(
  user: UserSnapshot,
  command: UserCommand,
  { id }: Pick<Circumstances, 'id'>,
): Decision<UserEvent> {
  if (command.type === 'register') return register(user, command, id);
  if (command.type === 'purge')
    return ok({ events: user.matches('present') ? [{ type: 'user-purged' }] : [] });
  if (!user.matches('present'))
    return err({ code: 'user-unknown', message: 'there is no such user', field: 'id' });
  const { context } = user;
  switch (command.type) {
    case 'change-password':
      return changePassword(context, command);
    case 'modify':
      return modify(context, command);
    case 'deactivate': {
      const isActive = context.status === 'active';
      return ok({ events: isActive ? [statusSet('inactive')] : [] });
    }
    case 'join-project': {
      const { type: _, ...membership } = command;
      const others = context.projects.filter(({ projectId }) => projectId !== command.projectId);
      return setProjects(context, [...others, membership]);
    }
    case 'leave-project': {
      const { projectId: left } = command;
      return setProjects(
        context,
        context.projects.filter(({ projectId }) => projectId !== left),
      );
    }
    case 'issue-key':
      return issueKey(context, command);
    case 'withdraw-key':
      return withdrawKey(context, command);
    case 'add-ssh-key':
      return addSshKey(context, command);
    case 'label-ssh-key':
      return labelSshKey(context, command);
    case 'remove-ssh-key':
      return removeSshKey(context, command);
    default:
      return decideTotp(context.totp, command);
  }
}

function register(
  user: UserSnapshot,
  command: Command<'register'>,
  id: string,
): Decision<UserEvent> {
  const { profile, passwordHash, details, status, projects, key } = command;
  if (user.matches('purged'))
    return err({
      code: 'user-purged',
      message: 'the user with this id was purged',
      field: 'email',
    });
  if (user.matches('present')) {
    if (isSame(user.context.profile, profile)) return ok({ events: [] });
    return err({
      code: 'user-exists',
      message: 'there is a user with this e-mail address',
      field: 'email',
    });
  }
  const events: UserEvent[] = [
    {
      type: 'user-registered',
      user: id,
      profile,
      passwordHash,
      ...(details === undefined ? {} : { details }),
      ...(status === undefined ? {} : { status }),
    },
  ];
  if (projects !== undefined && projects.length > 0)
    events.push({ type: 'user-projects-set', projects });
  if (key !== undefined) events.push({ type: 'user-key-issued', ...key });
  return ok({ events });
}

function changePassword(
  { status }: UserContext,
  { passwordHash, needPasswordChange }: Command<'change-password'>,
): Decision<UserEvent> {
  if (status !== 'active')
    return err({ code: 'user-inactive', message: 'the user is not active', field: 'id' });
  return ok({
    events: [
      {
        type: 'user-password-changed',
        passwordHash,
        ...(needPasswordChange === undefined ? {} : { needPasswordChange }),
      },
    ],
  });
}

function modify(context: UserContext, command: Command<'modify'>): Decision<UserEvent> {
  const { passwordHash, status, projects } = command;
  const changes = differences(context, command.changes);
  const { mainAccessKey, domain } = changes;
  if (mainAccessKey !== undefined && !context.accessKeys.includes(mainAccessKey))
    return err({
      code: 'main-access-key-invalid',
      message: 'the main access key is one of the own key pairs of the user',
      field: 'mainAccessKey',
    });
  const events: UserEvent[] = [];
  if (Object.keys(changes).length > 0) events.push({ type: 'user-changed', changes });
  if (passwordHash !== undefined) events.push({ type: 'user-password-changed', passwordHash });
  if (status !== undefined && status !== context.status) events.push(statusSet(status));
  const memberships = projects ?? (domain === undefined ? context.projects : []);
  if (!isSame(memberships, context.projects))
    events.push({ type: 'user-projects-set', projects: [...memberships] });
  return ok({ events });
}

function statusSet(status: Command<'modify'>['status'] & string): UserEvent {
  return { type: 'user-status-set', status, statusInfo: ADMIN_REQUESTED };
}

/** Those of the changes that change something. */
function differences(
  { profile, details, mainAccessKey }: UserContext,
  changes: UserChanges,
): UserChanges {
  const before: Readonly<Record<string, unknown>> = {
    ...known(profile),
    ...details,
    mainAccessKey,
  };
  return Object.fromEntries(
    Object.entries(changes).filter(
      ([name, value]) => value !== undefined && !isSame(before[name], value),
    ),
  );
}

function setProjects(
  { projects: before }: UserContext,
  projects: readonly Membership[],
): Decision<UserEvent> {
  const sorted = (all: readonly Membership[]): readonly Membership[] =>
    all.toSorted((left, right) => (left.projectId < right.projectId ? -1 : 1));
  if (isSame(sorted(before), sorted(projects))) return ok({ events: [] });
  if (projects.length > MEMBERSHIPS_MAX)
    return err({
      code: 'memberships-too-many',
      message: `a user belongs to at most ${MEMBERSHIPS_MAX} projects`,
      field: 'projectId',
    });
  return ok({ events: [{ type: 'user-projects-set', projects: [...projects] }] });
}

function issueKey(
  { accessKeys, status }: UserContext,
  { key }: Command<'issue-key'>,
): Decision<UserEvent> {
  if (accessKeys.includes(key.accessKey)) return ok({ events: [] });
  if (status === 'deleted')
    return err({ code: 'user-inactive', message: 'the user is deleted', field: 'user' });
  if (accessKeys.length >= KEYS_MAX)
    return err({
      code: 'keypairs-too-many',
      message: `a user has at most ${KEYS_MAX} key pairs; delete one first`,
      field: 'user',
    });
  return ok({ events: [{ type: 'user-key-issued', ...key }] });
}

function withdrawKey(
  { accessKeys, mainAccessKey }: UserContext,
  { accessKey }: Command<'withdraw-key'>,
): Decision<UserEvent> {
  if (accessKey === mainAccessKey)
    return err({
      code: 'keypair-is-main',
      message: 'the key pair is the main access key of its user',
      field: 'accessKey',
    });
  if (!accessKeys.includes(accessKey)) return ok({ events: [] });
  return ok({ events: [{ type: 'user-key-withdrawn', accessKey }] });
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
