import {
  AccessKey,
  err,
  type KeypairCommand,
  type KeypairEvent,
  ok,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decision } from '../runtime/aggregate.ts';
import type { KeypairSnapshot } from './machine.ts';

export function decide(
  keypair: KeypairSnapshot,
  command: KeypairCommand,
  { id }: Pick<Circumstances, 'id'>,
): Decision<KeypairEvent> {
  switch (command.type) {
    case 'create': {
      const accessKey = AccessKey.safeParse(id);
      if (!accessKey.success) {
        return err({
          code: 'access-key-invalid',
          message: 'an access key is AKIA and 16 characters',
          field: 'accessKey',
        });
      }
      const { userId, sealedSecret, isAdmin, rateLimit } = command;
      if (keypair.matches('absent')) {
        return ok({
          events: [
            {
              type: 'keypair-created',
              accessKey: accessKey.data,
              userId,
              sealedSecret,
              isAdmin,
              rateLimit,
            },
          ],
        });
      }
      if (keypair.context.userId === userId) return ok({ events: [] });
      return err({
        code: 'keypair-exists',
        message: 'this access key belongs to somebody else',
        field: 'accessKey',
      });
    }
    case 'deactivate':
      return ok({ events: keypair.matches('active') ? [{ type: 'keypair-deactivated' }] : [] });
    default:
      return unreachable(command);
  }
}
