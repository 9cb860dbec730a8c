import type { Command } from 'commander';
import type { DrainOptions } from './commands/agent-life.ts';
import type { AuditOptions } from './commands/audit.ts';
import type { VerifyOptions } from './commands/audit-verify.ts';
import type { LoginOptions } from './commands/login.ts';
import type { ReplayOptions } from './commands/replay.ts';
import type { HistoryOptions } from './commands/statistics-history.ts';
import type { GlobalOptions } from './context.ts';
import { historyOptions, isOfThePast } from './history-options.ts';
import { declareImages } from './image-program.ts';
import { type Perform, parseCount, parseSpeed, parseWhole } from './options.ts';

export function declareClusterCommands(program: Command, perform: Perform): void {
  declareLists(program, perform);
  declareAudit(program, perform);
  declareReplay(program, perform);
  declareUpkeep(program, perform);
  declareSelf(program, perform);
}

function declareLists(program: Command, perform: Perform): void {
  const agent = program.command('agent').description('the agents of the compute nodes');
  agent
    .command('ls')
    .description('list agents and what they hold')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await import('./commands/agents.ts')).listAgents(context)),
    );
  const stats = agent
    .command('stats')
    .description('show what machines use, or used')
    .argument('[agent...]', 'names of agents (default: all)');
  for (const option of historyOptions()) stats.addOption(option);
  stats.action((names: readonly string[], options: HistoryOptions, self: Command) =>
    perform(self, async (context) =>
      isOfThePast(options)
        ? (await import('./commands/statistics-history.ts')).printAgentHistory(
            context,
            names,
            options,
          )
        : (await import('./commands/statistics.ts')).printAgentStatistics(context, names),
    ),
  );
  agent
    .command('devices')
    .description('list GPUs and other accelerators, and which sessions hold them')
    .argument('[agent...]', 'names of agents (default: all)')
    .action((names: readonly string[], _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/agent-devices.ts')).listDevices(context, names),
      ),
    );
  declareAgentLife(agent, perform);
  declareImages(program, perform);
}

function declareAgentLife(agent: Command, perform: Perform): void {
  agent
    .command('cordon')
    .description('place no new sessions on agents')
    .argument('<agent...>', 'names of agents')
    .action((ids: readonly string[], _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/agent-life.ts')).setSchedulable(context, ids, false),
      ),
    );
  agent
    .command('uncordon')
    .description('place sessions on agents again; takes a drain back')
    .argument('<agent...>', 'names of agents')
    .action((ids: readonly string[], _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/agent-life.ts')).setSchedulable(context, ids, true),
      ),
    );
  agent
    .command('drain')
    .description('place no new sessions on agents, and end those that are there at a deadline')
    .argument('<agent...>', 'names of agents')
    .option('--deadline <seconds>', 'when they have to be gone (default: never)', parseWhole)
    .option('--requeue', 'let them wait for another agent instead of ending them')
    .action((ids: readonly string[], options: DrainOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/agent-life.ts')).drainAgents(context, ids, options),
      ),
    );
}

function declareAudit(program: Command, perform: Perform): void {
  const audit = program.command('audit').description('who did what, when, and what was so then');
  audit
    .command('show')
    .description('print the log, the oldest first')
    .argument('[entity]', 'such as session:ID, node:NAME, or the id or name of a session')
    .option('--limit <count>', 'at most so many entries', parseCount, 100)
    .option('--after <cursor>', 'only what follows the entry with this cursor')
    .action((entity: string | undefined, options: AuditOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/audit.ts')).showAudit(context, entity, options),
      ),
    );
  audit
    .command('at')
    .description('show a session as it was at a time')
    .argument('<session>', 'id or name of a session')
    .argument('<time>', 'such as 2026-11-20T12:00:00Z, or 5m for five minutes ago')
    .action((reference: string, time: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/audit.ts')).showSessionAt(context, reference, time),
      ),
    );
  audit
    .command('cluster')
    .description('show sessions, agents and what they held as they were at a time')
    .argument('<time>', 'such as 2026-11-20T12:00:00Z, or 5m for five minutes ago')
    .action((time: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/audit-cluster.ts')).showClusterAt(context, time),
      ),
    );
  audit
    .command('verify')
    .description('look for what in the log is not as it was written; exit 1 if there is any')
    .option('--aggregate <entity>', 'only this one, such as session:ID or node:NAME')
    .option('--since <time>', 'only what was recorded since then')
    .action((options: VerifyOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/audit-verify.ts')).verifyAudit(context, options),
      ),
    );
}

function declareReplay(program: Command, perform: Perform): void {
  program
    .command('replay')
    .description('print the commits of the log as they came, one JSON document a line')
    .option('--from <place>', 'a time, or a sequence of the log (default: the first)')
    .option('--to <place>', 'the same, included (default: the newest there is)')
    .option('--aggregate <entity>', 'only this one, such as session:ID or node:NAME')
    .option('--speed <factor>', 'times as fast as it was, or max for no pauses', parseSpeed, 1)
    .action((options: ReplayOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/replay.ts')).replayLog(context, options),
      ),
    );
}

function declareUpkeep(program: Command, perform: Perform): void {
  program
    .command('status')
    .description('show how the cluster is')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await import('./commands/status.ts')).showStatus(context)),
    );
  const projections = program
    .command('projections')
    .description('the tables that everything is read from');
  projections
    .command('rebuild')
    .description('build them again from the log, compare, and take the new ones')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/projections.ts')).rebuildProjections(context),
      ),
    );
  projections
    .command('verify')
    .description('build them again beside the live ones and compare; exit 1 if they differ')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/projections.ts')).verifyProjections(context),
      ),
    );
}

function declareSelf(program: Command, perform: Perform): void {
  program
    .command('login')
    .description('sign in by e-mail and password; prints the token, or saves a profile with it')
    .requiredOption('--email <email>', 'who you are')
    .option('--endpoint <url>', 'the gateway (default: that of the profile)')
    .option('--password-stdin', 'read the password from standard input instead of asking')
    .option('--otp <code>', 'six digits or a recovery code (asked for when it is needed)')
    .option('--save <file>', 'write a profile with the token instead of printing it')
    .action((options: LoginOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/login.ts')).login(context, options),
      ),
    );
  program
    .command('version')
    .description('print the version of this program')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/version.ts')).printVersion(context),
      ),
    );
}
