import { type Command, Option } from 'commander';
import type { QuotaOptions } from './commands/quota.ts';
import type { UsageOptions } from './commands/usage.ts';
import { type Perform, parseWord } from './options.ts';

/** What people hold and may hold, and for how long they held it. */
export function declareUsage(program: Command, perform: Perform): void {
  program
    .command('usage')
    .description('show for how long which slots were held, by day, user and project')
    .option('--from <day>', 'such as 2026-11-01, of UTC (default: the first of the month)')
    .option('--to <day>', 'the last day (default: today)')
    .option('--by <word>', 'day, user, project, domain or group; several times', parseWord)
    .option('--user <id>', 'only of this user')
    .option('--project <id>', 'only of this project')
    .option('--domain <name>', 'only of this domain')
    .option('--group <name>', 'only in this resource group')
    .addOption(new Option('--csv', 'print comma-separated values').conflicts('json'))
    .action((options: UsageOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/usage.ts')).printUsage(context, options),
      ),
    );
  program
    .command('quota')
    .description('show what is held now, and what is left of it')
    .argument('[scope]', 'user, project, domain or group', 'user')
    .argument('[key]', 'the id of one user or project, the name of one domain or group')
    .addOption(new Option('--csv', 'print comma-separated values').conflicts('json'))
    .option('-f, --follow', 'print each again whenever it changes')
    .action((scope: string, key: string | undefined, options: QuotaOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/quota.ts')).printQuotas(context, { scope, key }, options),
      ),
    );
}
