import type { Command } from 'commander';
import type { CopyOptions } from './commands/copy.ts';
import type { RemoveFileOptions } from './commands/session-files.ts';
import type { GlobalOptions } from './context.ts';
import type { Perform } from './options.ts';

const SESSION = 'id or name of a session';

/** Files in the working directories of running sessions. */
export function declareFileCommands(program: Command, perform: Perform): void {
  program
    .command('cp')
    .description('copy files to or from a session; one side is written SESSION:PATH')
    .usage('[options] SOURCE… TARGET')
    .argument('<paths...>', 'what to copy, then where; - is standard output')
    .option('-r, --recursive', 'directories with all that is in them')
    .action((paths: readonly string[], options: CopyOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/copy.ts')).copyFiles(context, paths, options),
      ),
    );
  const session = program.commands.find((command) => command.name() === 'session') ?? program;
  const files = session.command('files').description('files in the working directory of a session');
  files
    .command('ls')
    .description('list a directory')
    .argument('<session>', SESSION)
    .argument('[path]', 'below the working directory', '.')
    .action((reference: string, path: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-files.ts')).listFiles(context, reference, path),
      ),
    );
  files
    .command('rm')
    .description('remove files')
    .argument('<session>', SESSION)
    .argument('<path...>', 'below the working directory')
    .option('-r, --recursive', 'directories with all that is in them')
    .action(
      (reference: string, paths: readonly string[], options: RemoveFileOptions, self: Command) =>
        perform(self, async (context) =>
          (await import('./commands/session-files.ts')).removeFiles(context, {
            reference,
            paths,
            options,
          }),
        ),
    );
  files
    .command('mv')
    .description('rename a file; nothing that is there is replaced')
    .argument('<session>', SESSION)
    .usage('[options] SESSION FROM TO')
    .argument('<paths...>', 'its path and the new one, below the working directory')
    .action((reference: string, paths: readonly string[], _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-files.ts')).renameFile(context, reference, paths),
      ),
    );
}
