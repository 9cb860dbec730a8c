import {
  AccessKey,
  err,
  type KeypairChanges,
  type KeypairCommand,
  type KeypairEvent,
  ok,
  type Rejection,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decision } from '../runtime/aggregate.ts';
import type { KeypairContext, KeypairSnapshot } from './machine.ts';

type Command<Type> = Extract<KeypairCommand, { readonly type: Type }>;

export function decide(
  keypair: KeypairSnapshot,
  command: KeypairCommand,
  { id }: Pick<Circumstances, 'id'>,
): Decision<KeypairEvent> {
  if (command.type === 'create') return create(keypair, command, id);
  const { context } = keypair;
  const isPresent = keypair.matches('present');
  switch (command.type) {
    case 'modify':
      return isPresent ? ok({ events: changed(context, command.changes) }) : err(UNKNOWN);
    case 'rotate': {
      if (!isPresent) return err(UNKNOWN);
      const { sealedSecret } = command;
      if (context.sealedSecret === sealedSecret) return ok({ events: [] });
      return ok({ events: [{ type: 'keypair-secret-rotated', sealedSecret }] });
    }
    case 'follow-role':
      return ok({ events: isPresent ? changed(context, roleChanges(context, command)) : [] });
    case 'deactivate': {
      const isActive = isPresent && context.isActive;
      return ok({ events: isActive ? [{ type: 'keypair-deactivated' }] : [] });
    }
    case 'delete':
      return ok({ events: isPresent ? [{ type: 'keypair-deleted' }] : [] });
    default:
      return unreachable(command);
  }
}

function create(
  keypair: KeypairSnapshot,
  { type: _, ...given }: Command<'create'>,
  id: string,
): Decision<KeypairEvent> {
  const accessKey = AccessKey.safeParse(id);
  if (!accessKey.success)
    return err({
      code: 'access-key-invalid',
      message: 'an access key is AKIA and 16 characters',
      field: 'accessKey',
    });
  if (keypair.matches('absent'))
    return ok({ events: [{ type: 'keypair-created', accessKey: accessKey.data, ...given }] });
  if (keypair.matches('present') && keypair.context.userId === given.userId)
    return ok({ events: [] });
  return err({
    code: 'keypair-exists',
    message: 'this access key belongs to somebody else, or was deleted',
    field: 'accessKey',
  });
}

/** Reference: modify_user. Administrators' keys administrate; of another's, the first goes on without. */
function roleChanges(
  { isAdmin: wasAdmin, isActive }: KeypairContext,
  { isAdmin, isFirst }: Command<'follow-role'>,
): KeypairChanges {
  if (isAdmin) return { isAdmin: true, isActive: true };
  if (isFirst) return { isAdmin: false };
  return wasAdmin && isActive ? { isActive: false } : {};
}

function changed(context: KeypairContext, changes: KeypairChanges): readonly KeypairEvent[] {
  const known: Readonly<Record<string, unknown>> = { ...context };
  const different = Object.entries(changes).filter(
    ([name, value]) => value !== undefined && known[name] !== value,
  );
  if (different.length === 0) return [];
  return [{ type: 'keypair-changed', changes: Object.fromEntries(different) }];
}

const UNKNOWN: Rejection = {
  code: 'keypair-unknown',
  message: 'there is no such key pair, or none that you may see',
  field: 'accessKey',
};
