import type { Command } from 'commander';
import { declareAdministration } from './administration-program.ts';
import type { ArchiveListOptions } from './commands/archive.ts';
import type { GlobalOptions } from './context.ts';
import { declareDirectory } from './directory-program.ts';
import { declareRegistries } from './image-program.ts';
import { type Perform, parseCount } from './options.ts';

export function declareAdminCommands(program: Command, perform: Perform): void {
  const admin = program.command('admin').description('what only an administrator does');
  declareAdministration(program, admin, perform);
  declareDirectory(admin, perform);
  declareRegistries(admin, perform);
  const archive = admin.command('archive').description('old events that have left the stream');
  archive
    .command('list')
    .description('show the archive and its segments, the newest first')
    .option('--limit <count>', 'at most so many segments', parseCount, 50)
    .option('--before <number>', 'only segments with a lower number', parseCount)
    .action((options: ArchiveListOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/archive.ts')).listArchive(context, options),
      ),
    );
  archive
    .command('run')
    .description('archive what is over now, and not with the next daily run')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await import('./commands/archive.ts')).runArchive(context)),
    );
  archive
    .command('verify')
    .description('read all segments and tell what is not as it was written; exit 1 if there is any')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/archive.ts')).verifyArchive(context),
      ),
    );
  const setAside = admin
    .command('set-aside')
    .description('commands that failed whenever they were tried');
  setAside
    .command('list')
    .description('list them, the oldest first')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/set-aside.ts')).listSetAside(context),
      ),
    );
  setAside
    .command('replay')
    .description('send one again, once what it failed at is mended')
    .argument('<id>', 'as the list has it')
    .action((id: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/set-aside.ts')).replaySetAside(context, id),
      ),
    );
}
