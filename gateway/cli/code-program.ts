import { type Command, Option } from 'commander';
import type { CodeOptions, CompleteOptions } from './commands/code.ts';
import type { GlobalOptions } from './context.ts';
import { type Perform, parseCount } from './options.ts';

const SESSION = 'id or name of a session';
const LANGUAGES = ['python', 'node', 'shell', 'r', 'julia'];

const language = (): Option =>
  new Option('-l, --language <language>', 'language of the code')
    .choices(LANGUAGES)
    .default('python');

/** Code in a running session, whose interpreters keep their state from one to the next. */
export function declareCodeCommands(program: Command, perform: Perform): void {
  program
    .command('exec')
    .description('run code in a session, whose interpreter keeps its state')
    .argument('<session>', SESSION)
    .argument('[file]', 'file with the code; - for standard input')
    .option('-c, --code <code>', 'the code itself')
    .addOption(language())
    .addOption(
      new Option(
        '--mode <mode>',
        'query: code; batch: the steps below, over the files of the session',
      )
        .choices(['query', 'batch'])
        .default('query'),
    )
    .option('--clean <command>', 'first step of a batch; * for what is usual')
    .option('--build <command>', 'second step of a batch; * for what is usual')
    .option('--exec <command>', 'last step of a batch; * for what is usual')
    .option('--timeout <seconds>', 'longest time that it may run', parseCount)
    .option('--run-id <name>', 'the same name again goes on with the same run')
    .addHelpText(
      'after',
      '\nEnds with the exit code of the code. Ctrl-C interrupts it; a second one leaves it alone.',
    )
    .action((reference: string, file: string | undefined, options: CodeOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/code.ts')).runCode(context, { reference, file, options }),
      ),
    );
  program
    .command('interrupt')
    .description('interrupt the code that runs in a session')
    .argument('<session>', SESSION)
    .argument('[run]', 'only this run')
    .action(
      (reference: string, runId: string | undefined, _options: GlobalOptions, self: Command) =>
        perform(self, async (context) =>
          (await import('./commands/code.ts')).interruptCode(context, reference, runId),
        ),
    );
  program
    .command('complete')
    .description('say what may stand at the end of a piece of code')
    .argument('<session>', SESSION)
    .argument('<code>', 'code up to the cursor')
    .addOption(language())
    .action((reference: string, code: string, options: CompleteOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/code.ts')).completeCode(context, { reference, code, options }),
      ),
    );
}
