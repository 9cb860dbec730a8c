import { Command } from 'commander';
import { declareAdminCommands } from './admin-program.ts';
import { declareAppCommands } from './app-program.ts';
import { declareClusterCommands } from './cluster-program.ts';
import { declareCodeCommands } from './code-program.ts';
import type { GlobalOptions } from './context.ts';
import { UsageWrong } from './errors.ts';
import { exitCodeHelp } from './exit-codes.ts';
import { sentenceOf } from './failure.ts';
import { declareFileCommands } from './files-program.ts';
import type { CliIo } from './io.ts';
import type { Perform } from './options.ts';
import { declareScheduling } from './scheduling-program.ts';
import { declareSessionCommands } from './session-program.ts';
import { declareShellCommands } from './shell-program.ts';
import { declareSshCommands } from './ssh-program.ts';
import { declareTotp } from './totp-program.ts';
import { declareUsage } from './usage-program.ts';

const HELP_WIDTH = 80;
const WRAP_WIDTH_MIN = 24;

/** The commands, their arguments and options; what they do is loaded when they are called. */
export function declareProgram(io: CliIo, perform: Perform): Command {
  const program = new Command('orrery')
    .description('Compute sessions of many users on shared CPU and GPU nodes.')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({ helpWidth: HELP_WIDTH, minWidthToWrap: WRAP_WIDTH_MIN })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: (text, write) =>
        write(`${sentenceOf(new UsageWrong(text.replace(/^error: /, '')))}\n`),
    })
    .addHelpText(
      'after',
      `
Every command takes --json, for one JSON document or a line of JSON per element,
and --profile FILE, the JSON file that names the gateway and holds the keys
(else ORRERY_PROFILE, else ~/.orrery/profile.json).
${exitCodeHelp}`,
    );
  declareSessionCommands(program, perform);
  declareShellCommands(program, perform);
  declareSshCommands(program, perform);
  declareCodeCommands(program, perform);
  declareAppCommands(program, perform);
  declareFileCommands(program, perform);
  declareClusterCommands(program, perform);
  declareScheduling(program, perform);
  declareUsage(program, perform);
  declareTotp(program, perform);
  declareAdminCommands(program, perform);
  for (const command of [program, ...descendants(program)]) {
    command.helpCommand(false);
    command
      .option('--json', 'print JSON')
      .option('--profile <file>', 'the profile to sign in with');
  }
  return program;
}

/** Options may stand before a subcommand too; the nearest to it counts. */
export function globalOptionsOf(command: Command): GlobalOptions {
  const { json, profile }: GlobalOptions = command.opts();
  const outer = command.parent === null ? {} : globalOptionsOf(command.parent);
  return {
    ...outer,
    ...(json === undefined ? {} : { json }),
    ...(profile === undefined ? {} : { profile }),
  };
}

function descendants(command: Command): readonly Command[] {
  return command.commands.flatMap((child) => [child, ...descendants(child)]);
}
