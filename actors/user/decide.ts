import { err, ok, type UserCommand, type UserEvent, unreachable } from '@orrery/bus';
import type { Circumstances, Decision } from '../runtime/aggregate.ts';
import type { UserSnapshot } from './machine.ts';

export function decide(
  user: UserSnapshot,
  command: UserCommand,
  { id }: Pick<Circumstances, 'id'>,
): Decision<UserEvent> {
  if (command.type === 'register') {
    const { profile, passwordHash } = command;
    if (user.matches('absent'))
      return ok({ events: [{ type: 'user-registered', user: id, profile, passwordHash }] });
    if (JSON.stringify(user.context.profile) === JSON.stringify(profile)) return ok({ events: [] });
    return err({
      code: 'user-exists',
      message: 'there is a user with this e-mail address',
      field: 'email',
    });
  }
  if (user.matches('absent'))
    return err({ code: 'user-unknown', message: 'there is no such user', field: 'id' });
  switch (command.type) {
    case 'change-password':
      if (user.matches('inactive')) {
        return err({ code: 'user-inactive', message: 'the user is not active', field: 'id' });
      }
      return ok({
        events: [{ type: 'user-password-changed', passwordHash: command.passwordHash }],
      });
    case 'deactivate':
      return ok({ events: user.matches('active') ? [{ type: 'user-deactivated' }] : [] });
    default:
      return unreachable(command);
  }
}
