import {
  directoryId,
  type KeypairCommand,
  known,
  type PolicyCommand,
  type UserEvent,
} from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import type { UserSnapshot } from './machine.ts';

/** What follows for the user's key pairs, and for the policies that count for the user. */
export function messages(
  effect: Effect,
  { context }: UserSnapshot,
  { id }: { readonly id: string },
): readonly Outgoing[] {
  const { accessKeys } = context;
  if (effect.type === 'bindPolicy') return toPolicies(effect.params, id);
  if (effect.type === 'deleteKeys') return accessKeys.map((key) => toKey(key, { type: 'delete' }));
  const { event } = effect.params as { readonly event: UserEvent };
  switch (event.type) {
    case 'user-key-issued': {
      const { type: _, accessKey, ...grant } = event;
      return [toKey(accessKey, { type: 'create', userId: id, ...grant })];
    }
    case 'user-key-withdrawn':
      return [toKey(event.accessKey, { type: 'delete' })];
    case 'user-status-set':
      if (event.status !== 'deleted') return [];
      return accessKeys.map((key) => toKey(key, { type: 'deactivate' }));
    case 'user-changed': {
      if (event.changes.role === undefined) return [];
      const isAdmin = isAdministrator(known(context.profile).role);
      return accessKeys.map((key, index) =>
        toKey(key, { type: 'follow-role', isAdmin, isFirst: index === 0 }),
      );
    }
    default:
      return [];
  }
}

function isAdministrator(role: string): boolean {
  return role === 'superadmin' || role === 'admin';
}

function toKey(accessKey: string, command: KeypairCommand): Outgoing {
  return { to: 'actor', aggregate: 'keypair', id: accessKey, command };
}

function toPolicies(params: unknown, holder: string): readonly Outgoing[] {
  const { before, after } = params as { readonly before?: string; readonly after?: string };
  if (before === after) return [];
  const told = (name: string | undefined, type: 'bind' | 'unbind'): readonly Outgoing[] => {
    if (name === undefined) return [];
    const command: PolicyCommand = { type, holder };
    return [{ to: 'actor', aggregate: 'policy', id: directoryId('policy', 'user', name), command }];
  };
  return [...told(before, 'unbind'), ...told(after, 'bind')];
}
