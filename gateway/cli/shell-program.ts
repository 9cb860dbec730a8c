import type { Command } from 'commander';
import type { ShellOptions } from './commands/shell.ts';
import type { GlobalOptions } from './context.ts';
import { type Perform, parseCount } from './options.ts';

/** Terminals, whose shells live on when nobody looks at them. */
export function declareShellCommands(program: Command, perform: Perform): void {
  program
    .command('shell')
    .description('a shell in a session, which lives on when it is left or cut off')
    .argument('<session>', 'id or name of a session, or an address that was shared')
    .option('-t, --terminal <name>', 'which of its terminals (default: main; piped: a new one)')
    .option('--read-only', 'only look on')
    .option('--record', 'keep what it shows, as an asciicast')
    .option('--share <seconds>', 'print an address to look on with, good for so long', parseCount)
    .addHelpText(
      'after',
      '\nEnds with the exit code of the shell. Ctrl-] leaves it; the same command goes back to it.',
    )
    .action((reference: string, options: ShellOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/shell.ts')).openShell(context, reference, options),
      ),
    );
}

export function declareRecordings(session: Command, perform: Perform): void {
  session
    .command('recordings')
    .description('list what was recorded in the terminals of a session, or print one')
    .argument('<session>', 'id or name of a session')
    .argument('[recording]', 'the one to print, as an asciicast')
    .action((reference: string, name: string | undefined, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/shell.ts')).showRecordings(context, reference, name),
      ),
    );
}
