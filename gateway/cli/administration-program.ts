import { type Command, Option } from 'commander';
import {
  AGENT_SELECTION_POLICIES,
  AGENT_SELECTION_STRATEGIES,
  CLUSTER_MODES,
  LIMIT_SCOPES,
  PREEMPTION_MODES,
  PREEMPTION_ORDERS,
  PREEMPTION_SCOPES,
  RESERVATIONS,
  SCHEDULING_ORDERS,
} from '../client/administration-model.ts';
import type { LimitsOptions } from './commands/limits.ts';
import type { PresetOptions } from './commands/presets.ts';
import type { GroupSetOptions } from './commands/resource-groups.ts';
import type { GlobalOptions } from './context.ts';
import {
  type Perform,
  parseCount,
  parseInteger,
  parseNumber,
  parsePair,
  parseWhole,
  parseWord,
} from './options.ts';

/** How the cluster gives its resources away: what everybody reads, and what an administrator sets. */
export function declareAdministration(program: Command, admin: Command, perform: Perform): void {
  declarePresets(program, perform);
  declareGroups(admin, perform);
  declareLimits(admin, perform);
  declarePresetChanges(admin, perform);
}

function declarePresets(program: Command, perform: Perform): void {
  const preset = program.command('preset').description('bundles of slots with a name');
  preset
    .command('list')
    .description('list them')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/presets.ts')).listPresets(context),
      ),
    );
  preset
    .command('check')
    .description('show which could start now, and what you may still hold')
    .argument('[group]', 'a resource group (default: default)')
    .action((group: string | undefined, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/presets.ts')).checkPresets(context, group),
      ),
    );
}

function declareGroups(admin: Command, perform: Perform): void {
  const group = admin.command('group').description('resource groups and their options');
  group
    .command('list')
    .description('list those that you may use')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/resource-groups.ts')).listGroups(context),
      ),
    );
  group
    .command('show')
    .description('show all options of one')
    .argument('<name>')
    .action((name: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/resource-groups.ts')).showGroup(context, name),
      ),
    );
  const set = group
    .command('set')
    .description('make one or change its options; what is left out stays as it is')
    .argument('<name>');
  for (const option of groupOptions()) set.addOption(option);
  set.action((name: string, options: GroupSetOptions, self: Command) =>
    perform(self, async (context) =>
      (await import('./commands/resource-groups.ts')).setGroup(context, name, options),
    ),
  );
  group
    .command('remove')
    .description('take its options away; refused while sessions wait or agents belong')
    .argument('<name>')
    .action((name: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/resource-groups.ts')).removeGroup(context, name),
      ),
    );
}

/** Values are given in lower case with hyphens. */
function groupOptions(): readonly Option[] {
  const choice: Choice = (flags, description, values) =>
    new Option(flags, description).choices(values.map(hyphened));
  const names = (flags: string, description: string): Option =>
    new Option(flags, description).argParser(parseWord);
  return [
    new Option('--description <text>', 'for people; an empty one takes it away'),
    choice('--scheduler <order>', 'who comes first', SCHEDULING_ORDERS),
    choice('--strategy <name>', 'which agent is taken', AGENT_SELECTION_STRATEGIES),
    new Option('--weight <slot=number>', 'for the strategy weighted; several').argParser(parsePair),
    names('--session-type <type>', 'type of sessions that it takes; several'),
    new Option('--pending-timeout <seconds>', 'ends who waits longer; 0: never').argParser(
      parseNumber,
    ),
    choice('--reservation <kind>', 'for whom room is kept', RESERVATIONS),
    new Option('--public', 'everybody may use it'),
    choice('--active <switch>', 'whether sessions start there', ['on', 'off']),
    choice('--host-network <switch>', 'whether clusters are in the network of their machines', [
      'on',
      'off',
    ]),
    names('--allow-domain <name>', 'only these may use it; several'),
    names('--allow-project <id>', 'only these may use it; several'),
    names('--allow-key <access key>', 'only these may use it; several'),
    choice('--preemption <switch>', 'whether others are ended for it', ['on', 'off']),
    choice('--preemption-order <order>', 'who is ended first', PREEMPTION_ORDERS),
    choice('--preemption-mode <mode>', 'what becomes of them', PREEMPTION_MODES),
    choice('--preemption-scope <scope>', 'whose sessions are taken', PREEMPTION_SCOPES),
    new Option('--preemption-runtime <seconds>', 'not before they ran so long').argParser(
      parseNumber,
    ),
    choice('--default <switch>', 'sessions that name no group are in it', ['on', 'off']),
    new Option('--containers <number>', 'on each agent at the same time; 0: no limit').argParser(
      parseWhole,
    ),
    ...sessionDefaultOptions(choice),
    ...fairShareOptions(),
  ];
}

type Choice = (flags: string, description: string, values: readonly string[]) => Option;

/** Of sessions that do not say otherwise. */
function sessionDefaultOptions(choice: Choice): readonly Option[] {
  const number = (flags: string, description: string): Option =>
    new Option(flags, description).argParser(parseInteger);
  return [
    number('--session-priority <number>', 'of sessions that say none; 0 to 100'),
    number('--session-job-priority <number>', 'of sessions that say none'),
    choice('--session-preemptible <switch>', 'of sessions that do not say', ['on', 'off']),
    choice('--session-cluster-mode <mode>', 'of sessions that do not say', CLUSTER_MODES),
    choice('--session-agents <policy>', 'named agents, if not said', AGENT_SELECTION_POLICIES),
    number('--session-retries <count>', 'starts until one is given up; 0 is no limit'),
    choice('--session-fragmentation <switch>', 'shares of GPUs in pieces', ['on', 'off']),
  ];
}

/** Weights that are given take the place of all of their kind. */
function fairShareOptions(): readonly Option[] {
  const number = (flags: string, description: string): Option =>
    new Option(flags, description).argParser(parseNumber);
  const weights = (kind: string): Option =>
    new Option(`--${kind}-weight <${kind}=number>`, `fair share of a ${kind}; several`).argParser(
      parsePair,
    );
  return [
    number('--half-life <days>', 'after which use counts half'),
    number('--decay-unit <days>', 'in steps of so many'),
    number('--look-back <days>', 'after which use counts no more'),
    number('--default-weight <number>', 'of who has none of their own'),
    ...['slot', 'domain', 'project', 'user'].map(weights),
  ];
}

function hyphened(value: string): string {
  return value.toLowerCase().replaceAll('_', '-');
}

function declareLimits(admin: Command, perform: Perform): void {
  const limits = admin.command('limits').description('what an owner may hold');
  const owned = (name: string, description: string): Command =>
    limits
      .command(name)
      .description(description)
      .argument('<scope>', LIMIT_SCOPES.map(hyphened).join(', '))
      .argument('<key>', 'access key, id, or name of the domain');
  owned('show', 'show limits, what is held and what is left').action(
    (scope: string, key: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/limits.ts')).showLimits(context, scope, key),
      ),
  );
  owned('set', 'set all limits; what is left out is unlimited')
    .option('--slot <name=amount>', 'in all, such as mem=64g; several', parsePair)
    .option('--concurrent <count>', 'sessions at the same time', parseCount)
    .option('--concurrent-sftp <count>', 'system sessions at the same time', parseCount)
    .option('--pending <count>', 'sessions that wait', parseCount)
    .option('--pending-slot <name=amount>', 'of all that wait; several', parsePair)
    .option('--only-slots', 'nothing of slots that are not named')
    .option('--containers <count>', 'kernels of a session', parseCount)
    .option('--priority <number>', 'the highest, from 0 to 100', parseWhole)
    .option('--lifetime <seconds>', 'a session ends after so long', parseNumber)
    .action((...[scope, key, options, self]: [string, string, LimitsOptions, Command]) =>
      perform(self, async (context) =>
        (await import('./commands/limits.ts')).setLimits(context, { scope, key }, options),
      ),
    );
  owned('clear', 'take all limits away').action(
    (scope: string, key: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/limits.ts')).setLimits(context, { scope, key }, {}),
      ),
  );
}

function declarePresetChanges(admin: Command, perform: Perform): void {
  const preset = admin.command('preset').description('make, change and remove presets');
  const named = (name: string, description: string): Command =>
    preset
      .command(name)
      .description(description)
      .argument('<name>')
      .option('--group <name>', 'offered only there (default: in all)');
  const sized = (name: string, description: string): Command =>
    named(name, description)
      .option('--slot <name=amount>', 'such as cpu=4 or mem=8g; several', parsePair)
      .option('--shmem <size>', 'shared memory such as 1g; 0: none');
  sized('add', 'make one').action((name: string, options: PresetOptions, self: Command) =>
    perform(self, async (context) =>
      (await import('./commands/presets.ts')).changePreset(context, 'create', { name, ...options }),
    ),
  );
  sized('set', 'change one; what is left out stays as it is').action(
    (name: string, options: PresetOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/presets.ts')).changePreset(context, 'modify', {
          name,
          ...options,
        }),
      ),
  );
  named('remove', 'remove one').action((name: string, options: PresetOptions, self: Command) =>
    perform(self, async (context) =>
      (await import('./commands/presets.ts')).changePreset(context, 'delete', { name, ...options }),
    ),
  );
}
