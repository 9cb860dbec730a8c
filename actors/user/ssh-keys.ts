import { err, ok, SSH_KEYS_MAX, type UserCommand, type UserEvent } from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { UserContext } from './machine.ts';

type Command<Type> = Extract<UserCommand, { readonly type: Type }>;

/** The same key under the same label once more is accepted. */
export function addSshKey(
  { sshKeys, status }: UserContext,
  { key }: Command<'add-ssh-key'>,
): Decision<UserEvent> {
  const there = sshKeys.find(({ fingerprint }) => fingerprint === key.fingerprint);
  if (there?.label === key.label) return ok({ events: [] });
  if (there !== undefined)
    return err({
      code: 'ssh-key-exists',
      message: `the key is there already, as ${JSON.stringify(there.label)}`,
      field: 'publicKey',
    });
  if (status === 'deleted')
    return err({ code: 'user-inactive', message: 'the user is deleted', field: 'user' });
  if (sshKeys.length >= SSH_KEYS_MAX)
    return err({
      code: 'ssh-keys-too-many',
      message: `a user has at most ${SSH_KEYS_MAX} SSH keys; remove one first`,
      field: 'publicKey',
    });
  return ok({ events: [{ type: 'user-ssh-key-added', key }] });
}

export function labelSshKey(
  { sshKeys }: UserContext,
  { fingerprint, label }: Command<'label-ssh-key'>,
): Decision<UserEvent> {
  const there = sshKeys.find((key) => key.fingerprint === fingerprint);
  if (there === undefined)
    return err({
      code: 'ssh-key-unknown',
      message: 'the user has no such SSH key',
      field: 'fingerprint',
    });
  if (there.label === label) return ok({ events: [] });
  return ok({ events: [{ type: 'user-ssh-key-labelled', fingerprint, label }] });
}

/** One that is gone already is accepted. */
export function removeSshKey(
  { sshKeys }: UserContext,
  { fingerprint }: Command<'remove-ssh-key'>,
): Decision<UserEvent> {
  if (!sshKeys.some((key) => key.fingerprint === fingerprint)) return ok({ events: [] });
  return ok({ events: [{ type: 'user-ssh-key-removed', fingerprint }] });
}
