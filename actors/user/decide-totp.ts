import { err, ok, type UserCommand, type UserEvent, unreachable } from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { Totp } from './machine.ts';

type TotpCommand = Extract<
  UserCommand,
  {
    readonly type: 'enrol-totp' | 'confirm-totp' | 'use-totp' | 'use-recovery-code' | 'remove-totp';
  }
>;

/** Whether a code is right is seen by who can open the secret; that it is taken once is decided here. */
export function decideTotp(totp: Totp | undefined, command: TotpCommand): Decision<UserEvent> {
  switch (command.type) {
    case 'enrol-totp': {
      const { sealedSecret, recoveryHashes } = command;
      if (totp?.state === 'active') return ALREADY_ACTIVE;
      return ok({ events: [{ type: 'user-totp-enrolled', sealedSecret, recoveryHashes }] });
    }
    case 'confirm-totp':
      if (totp === undefined) return NOT_ENROLLED;
      if (totp.state === 'active') return ALREADY_ACTIVE;
      return ok({ events: [{ type: 'user-totp-activated', step: command.step }] });
    case 'use-totp':
      if (totp?.state !== 'active') return NOT_ENROLLED;
      if (command.step <= totp.step)
        return err({
          code: 'totp-used',
          message: 'the code was used: wait for the next one',
          field: 'otp',
        });
      return ok({ events: [{ type: 'user-totp-used', step: command.step }] });
    case 'use-recovery-code':
      if (totp?.state !== 'active') return NOT_ENROLLED;
      if (!totp.recoveryHashes.includes(command.hash))
        return err({
          code: 'totp-wrong',
          message: 'this is none of the codes, or one that was used',
          field: 'otp',
        });
      return ok({ events: [{ type: 'user-recovery-code-used', hash: command.hash }] });
    case 'remove-totp':
      return ok({ events: totp === undefined ? [] : [{ type: 'user-totp-removed' }] });
    default:
      return unreachable(command);
  }
}

const ALREADY_ACTIVE = err({
  code: 'totp-active',
  message: 'a second factor is active: remove it first',
});
const NOT_ENROLLED = err({
  code: 'totp-not-enrolled',
  message: 'there is no second factor: enrol one first',
});
