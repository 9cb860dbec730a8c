import type { Command } from 'commander';
import type { AppStartOptions } from './commands/apps.ts';
import type { GlobalOptions } from './context.ts';
import { type Perform, parsePair } from './options.ts';

const SESSION = 'id or name of a session';
const APP = 'name of an app; a number: the port of a program of your own';

/** Programs in a session that are reached at a port, such as Jupyter. */
export function declareAppCommands(program: Command, perform: Perform): void {
  const app = program.command('app').description('the apps of a session, such as Jupyter');
  app
    .command('ls')
    .description('list the apps of a session, and whether they answer')
    .argument('<session>', SESSION)
    .action((reference: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/apps.ts')).listApps(context, reference),
      ),
    );
  starting(app.command('start'))
    .description('start an app, and wait until it answers')
    .action((reference: string, name: string, options: AppStartOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/apps.ts')).startApp(context, { reference, name, options }),
      ),
    );
  app
    .command('stop')
    .description('end an app')
    .argument('<session>', SESSION)
    .argument('<app>', APP)
    .action((reference: string, name: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/apps.ts')).stopApp(context, reference, name),
      ),
    );
  starting(app.command('open'))
    .description('start an app if need be, and print the address for a browser')
    .option('--path <path>', 'where in the app to begin')
    .action((reference: string, name: string, options: AppStartOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/apps.ts')).openApp(context, { reference, name, options }),
      ),
    );
}

function starting(command: Command): Command {
  return command
    .argument('<session>', SESSION)
    .argument('<app>', APP)
    .option('--arg <name=value>', 'an argument that it allows; may be repeated', parsePair)
    .option('--env <name=value>', 'a variable that it allows; may be repeated', parsePair);
}
