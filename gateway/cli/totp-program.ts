import type { Command } from 'commander';
import type { LoginOptions } from './commands/login.ts';
import type { GlobalOptions } from './context.ts';
import type { Perform } from './options.ts';

/** Codes besides one's own password. */
export function declareTotp(program: Command, perform: Perform): void {
  const totp = program.command('totp').description('codes that are asked for besides the password');
  totp
    .command('enrol')
    .description('get a secret for an app that shows codes, and recovery codes')
    .option('--password-stdin', 'read the password from standard input instead of asking')
    .action((options: LoginOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/totp.ts')).enrolTotp(context, options),
      ),
    );
  for (const [word, description] of [
    ['confirm', 'ask for codes from now on; the first shows that the app has the secret'],
    ['remove', 'ask for the password alone; with a code, or a recovery code'],
  ] as const)
    totp
      .command(word)
      .description(description)
      .argument('<code>', 'six digits')
      .action((code: string, _options: GlobalOptions, self: Command) =>
        perform(self, async (context) =>
          (await import('./commands/totp.ts')).changeTotp(context, word, code),
        ),
      );
}

/** Somebody else's. */
export function declareTotpReset(user: Command, perform: Perform): void {
  user
    .command('reset-totp')
    .description('let a user who has lost their codes sign in by password alone')
    .argument('<user>', 'id or e-mail address')
    .action((name: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/totp.ts')).resetTotp(context, name),
      ),
    );
}
