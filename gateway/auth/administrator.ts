import { readFileSync } from 'node:fs';
import {
  AccessKey,
  type Clock,
  DEFAULT_DOMAIN,
  DEFAULT_PROJECT,
  derivedId,
  type KeypairCommand,
  type Logger,
  SettingsInvalid,
  type UserCommand,
} from '@orrery/bus';
import { z } from 'zod';
import type { AggregateCommand, Commands } from '../commands/commands.ts';
import { builtIns } from './built-ins.ts';
import type { DerivedKeys } from './master-key.ts';
import { hashPassword } from './password.ts';
import { seal } from './secret-box.ts';

/** Wait before the registration is tried again when the control plane does not answer. */
const REGISTER_AGAIN_MS = 1_000;

/** The most there may be: who looks after the cluster is not shut out of it by their own programs. */
const RATE_LIMIT = 1_000_000_000;

const Administrator = z.strictObject({
  email: z.email().max(64),
  username: z.string().min(1).max(64),
  password: z.string().min(1),
  accessKey: AccessKey,
  secretKey: z.string().min(1),
});
export type Administrator = Readonly<z.infer<typeof Administrator>>;

/** @throws {SettingsInvalid} when the file cannot be read or is not what it should be. */
export function readAdministrator(path: string): Administrator {
  let values: unknown;
  try {
    values = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new SettingsInvalid(`the administrator file ${path} cannot be read as JSON`, { cause });
  }
  const parsed = Administrator.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = issue?.path.join('.') || '(top level)';
  throw new SettingsInvalid(`the administrator file ${path} is wrong at ${at}: ${issue?.message}`);
}

export interface Registration {
  readonly administrator: Administrator;
  readonly commands: Commands;
  readonly keys: DerivedKeys;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Registers what is always there, and the administrator and their key pair, unless they are. Goes on until it is done. */
export async function registerAdministrator(
  registration: Registration,
  signal: AbortSignal,
): Promise<void> {
  const { administrator, keys, clock, logger } = registration;
  const { email, username, password, accessKey, secretKey } = administrator;
  const userId = derivedId('user', email);
  const register: UserCommand = {
    type: 'register',
    profile: {
      email,
      username,
      role: 'superadmin',
      domain: DEFAULT_DOMAIN,
      projectId: DEFAULT_PROJECT,
    },
    passwordHash: await hashPassword(password),
  };
  const create = {
    type: 'create',
    userId,
    sealedSecret: seal(secretKey, accessKey, keys.secretSealing),
    isAdmin: true,
    rateLimit: RATE_LIMIT,
  } as const satisfies KeypairCommand;
  const { sealedSecret, isAdmin, rateLimit } = create;
  // The user knows of the key pair, and tells it what follows from changes of the user.
  const issue: UserCommand = {
    type: 'issue-key',
    key: { accessKey, sealedSecret, isAdmin, rateLimit },
  };
  const commands = [
    ...builtIns(),
    { aggregate: 'user', aggregateId: userId, command: register },
    { aggregate: 'keypair', aggregateId: accessKey, command: create },
    { aggregate: 'user', aggregateId: userId, command: issue },
  ] as const;
  for (const command of commands) {
    while (
      !(await isAccepted(
        { ...command, actor: GATEWAY, traceparent: undefined },
        registration,
        signal,
      ))
    ) {
      logger.warn(
        { aggregate: command.aggregate },
        'the administrator could not be registered yet',
      );
      await clock.sleep(REGISTER_AGAIN_MS, signal);
    }
  }
}

const GATEWAY = { kind: 'system', id: 'gateway' } as const;

/** True, too, when it is refused: somebody else was registered under that name, and stays. */
async function isAccepted(
  command: AggregateCommand,
  { commands, logger }: Registration,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { outcome } = await commands.request(command);
    if (!outcome.ok && command.aggregate === 'user') {
      logger.error(
        { rejection: outcome.error },
        'the administrator was refused; the one there stays',
      );
    }
    return true;
  } catch (error) {
    signal.throwIfAborted();
    logger.warn({ err: error }, 'the control plane did not answer');
    return false;
  }
}
