import type { Command } from 'commander';
import { Option } from 'commander';
import type { CreateOptions } from './commands/session-create.ts';
import type { ExecOptions } from './commands/session-exec.ts';
import type { ListOptions } from './commands/session-list.ts';
import type { LogsOptions } from './commands/session-logs.ts';
import type { RemoveOptions } from './commands/session-remove.ts';
import type { RemovePendingOptions } from './commands/session-remove-pending.ts';
import type { HistoryOptions } from './commands/statistics-history.ts';
import type { GlobalOptions } from './context.ts';
import { historyOptions, isOfThePast } from './history-options.ts';
import { type Perform, parseCount, parsePair, parseWhole } from './options.ts';
import { declareRecordings } from './shell-program.ts';

const SESSION = 'id or name of a session';

export function declareSessionCommands(program: Command, perform: Perform): void {
  declareRun(program, perform);
  const session = program
    .command('session')
    .description('sessions: create, watch, use and end them');
  declareCreate(session, perform);
  declareReading(session, perform);
  declareQueue(session, perform);
  declareWatching(session, perform);
  declareStatistics(session, perform);
  declareUsing(session, perform);
  declareRecordings(session, perform);
}

/** Options that say what a session shall be. */
function withRequest(command: Command): Command {
  return command
    .option('-i, --image <image>', 'image to run (default: the one of the cluster)')
    .option('-c, --cpu <number>', 'CPU cores')
    .option('-m, --mem <size>', 'memory such as 512m or 1g')
    .option('-n, --name <name>', 'name of the session (default: one is chosen)')
    .option('-e, --env <name=value>', 'environment variable; may be repeated', parsePair)
    .option('--slot <name=amount>', 'further resource slot; may be repeated', parsePair)
    .option('--shm <size>', 'of the memory, for /dev/shm (default: what the image prefers)')
    .option('--cluster-size <count>', 'kernels, all of which start or none (default: 1)')
    .option('--multi-node', 'kernels may lie on different agents')
    .option('--resource-group <group>', 'resource group to run in')
    .option('--priority <number>', 'from 0 to 100; higher goes first')
    .option('--starts-at <time>', 'not before this time, such as 2026-11-20T12:00:00Z')
    .option('--depends-on <id...>', 'sessions that have to end well before')
    .option('--on <agent...>', 'agents to run on, and no others')
    .option('--placement-group <name>', 'sessions that lie apart, or together with --pack')
    .option('--pack', 'together with its placement group')
    .option('--job-priority <number>', 'where preemption is on, takes the place of lower ones')
    .option('--retries <count>', 'starts until it is given up; 0 is no limit')
    .option('--in-one-piece', 'no shares of several GPUs where one has room for them')
    .option('--preopen <port...>', 'ports of programs of your own, which are then apps')
    .option('--tag <text>', 'a word of your own to find it by')
    .option('--timeout <seconds>', 'longest time a batch program may run')
    .option('--idempotency-key <key>', 'the same key again gives the same session');
}

function declareRun(program: Command, perform: Perform): void {
  withRequest(
    program
      .command('run')
      .description('run a program in a session of its own and stream its output')
      .usage('[options] -- COMMAND…')
      .argument('<command...>', 'the program and its arguments')
      .passThroughOptions(),
  )
    .addHelpText(
      'after',
      `
Ends with the program's exit code; with 125 when the session could not be run.
One Ctrl-C ends the session in good order, a second one forces it.`,
    )
    .action((command: readonly string[], options: CreateOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/run.ts')).run(context, command, options),
      ),
    );
}

function declareCreate(session: Command, perform: Perform): void {
  withRequest(
    session
      .command('create')
      .description('create a session; with a COMMAND, a batch session that runs it')
      .usage('[options] [-- COMMAND…]')
      .argument('[command...]', 'the program of a batch session and its arguments')
      .passThroughOptions(),
  )
    .option('-w, --wait', 'until it runs')
    .action((command: readonly string[], options: CreateOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-create.ts')).createSession(context, command, options),
      ),
    );
}

function declareReading(session: Command, perform: Perform): void {
  session
    .command('ls')
    .description('list sessions, the newest first')
    .option('-a, --all', 'also those that are over')
    .addOption(
      new Option('-s, --status <status...>', 'only those with such a status').argParser(
        (text: string, earlier: readonly string[] | undefined) => [
          ...(earlier ?? []),
          text.toUpperCase(),
        ],
      ),
    )
    .option('--name <text>', 'only those whose name contains it')
    .option('--limit <count>', 'at most so many', parseCount, 50)
    .action((options: ListOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-list.ts')).listSessions(context, options),
      ),
    );
  session
    .command('get')
    .description('show one session')
    .argument('<session>', SESSION)
    .action((reference: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-get.ts')).getSession(context, reference),
      ),
    );
}

function declareQueue(session: Command, perform: Perform): void {
  session
    .command('why')
    .description('say why a session waits')
    .argument('<session>', SESSION)
    .action((reference: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-why.ts')).explainSession(context, reference),
      ),
    );
  session
    .command('prioritise')
    .description('give a session that waits another priority')
    .argument('<session>', SESSION)
    .argument('<priority>', 'from 0 to 100; higher goes first', parseWhole)
    .action((reference: string, priority: number, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-why.ts')).setPriority(context, reference, priority),
      ),
    );
}

function declareWatching(session: Command, perform: Perform): void {
  session
    .command('logs')
    .description('print what a session has printed')
    .argument('<session>', SESSION)
    .option('-f, --follow', 'go on until the session has ended')
    .action((reference: string, options: LogsOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-logs.ts')).printLogs(context, reference, options),
      ),
    );
  session
    .command('events')
    .description('print the events of a session')
    .argument('<session>', SESSION)
    .option('-f, --follow', 'go on until the session has ended')
    .action((reference: string, options: LogsOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-events.ts')).printEvents(context, reference, options),
      ),
    );
}

function declareStatistics(session: Command, perform: Perform): void {
  const stats = session
    .command('stats')
    .description('show what a session uses, or used')
    .argument('<session>', SESSION)
    .option('-f, --follow', 'each measurement as it comes, until the session has ended');
  for (const option of historyOptions()) stats.addOption(option);
  type StatsOptions = HistoryOptions & { readonly follow?: boolean };
  stats.action((reference: string, options: StatsOptions, self: Command) =>
    perform(self, async (context) =>
      isOfThePast(options)
        ? (await import('./commands/statistics-history.ts')).printSessionHistory(
            context,
            reference,
            options,
          )
        : (await import('./commands/statistics.ts')).printSessionStatistics(
            context,
            reference,
            options,
          ),
    ),
  );
}

function declareUsing(session: Command, perform: Perform): void {
  session
    .command('exec')
    .description('run a program inside a session, with a terminal when there is one')
    .usage('[options] SESSION [-- COMMAND…]')
    .argument('<session>', SESSION)
    .argument('[command...]', 'the program and its arguments (default: sh)')
    .option('-T, --no-terminal', 'pipes even when there is a terminal')
    .passThroughOptions()
    .action((reference: string, command: readonly string[], options: ExecOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-exec.ts')).exec(context, { reference, command, options }),
      ),
    );
  session
    .command('rm')
    .description('end sessions and wait until they are over')
    .argument('<session...>', 'ids or names of sessions')
    .option('-f, --force', 'at once, without the time to end in good order')
    .option('--no-wait', 'only ask for it')
    .action((references: readonly string[], options: RemoveOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-remove.ts')).removeSessions(context, references, options),
      ),
    );
  session
    .command('rm-pending')
    .description('end all sessions of yours that wait')
    .option('--everyone', 'also those of others')
    .action((options: RemovePendingOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/session-remove-pending.ts')).removePendingSessions(
          context,
          options,
        ),
      ),
    );
}
