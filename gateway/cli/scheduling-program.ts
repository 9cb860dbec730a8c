import type { Command } from 'commander';
import type { ScheduleReplayOptions } from './commands/schedule.ts';
import type { GlobalOptions } from './context.ts';
import { type Perform, parseCount, parsePair, parseWord } from './options.ts';

/** What the scheduler has made of the past, and would make of it. For administrators. */
export function declareScheduling(program: Command, perform: Perform): void {
  const schedule = program
    .command('schedule')
    .description('what policies make of a load, and who used how much');
  schedule
    .command('replay')
    .description('run a recorded period, or a trace, through other policies and compare them')
    .option('--from <time>', 'an instant such as 2026-11-20T12:00, or a time ago such as 1d')
    .option('--to <time>', 'likewise')
    .option('--group <name>', 'the resource group (default: default)')
    .option('--policy <file>', 'TOML or JSON with options to change; up to four', parseWord)
    .option('--workload <file>', 'a trace in the Standard Workload Format, plain or .gz')
    .option('--nodes <count>', 'on how many nodes the trace runs', parseCount)
    .option('--node-slot <name=amount>', 'what each has: cpu=16, mem=64g', parsePair)
    .action((options: ScheduleReplayOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/schedule.ts')).replaySchedule(context, options),
      ),
    );
  schedule
    .command('fair-share')
    .description('show who used how much of a resource group, and how they stand')
    .argument('[group]', 'a resource group (default: default)')
    .action((group: string | undefined, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/schedule.ts')).showFairShare(context, group),
      ),
    );
}
