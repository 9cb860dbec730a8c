import type { Command } from 'commander';
import type { SshOptions } from './commands/ssh.ts';
import type { AddKeyOptions, ListKeysOptions } from './commands/ssh-keys.ts';
import type { GlobalOptions } from './context.ts';
import { type Perform, parseWord } from './options.ts';

const SESSION = 'id or name of a session';
const KEY = 'fingerprint or label of a key';

/** Ways into sessions with programs that know nothing of Orrery. */
export function declareSshCommands(program: Command, perform: Perform): void {
  program
    .command('ssh')
    .description("a session over SSH, with this machine's ssh and one of your SSH keys")
    .usage('[options] SESSION [-- COMMAND…]')
    .argument('<session>', SESSION)
    .argument('[command...]', 'what to run there (default: a shell)')
    .option('-i, --identity <file>', 'the private key to sign in with')
    .option('-L, --forward <route>', 'as of ssh: LOCAL:localhost:PORT', parseWord)
    .option('--kernel <name>', 'another kernel of its cluster, such as sub1')
    .passThroughOptions()
    .addHelpText('after', '\nEnds as ssh does. --json: how to reach it, and nothing is run.')
    .action((reference: string, command: readonly string[], options: SshOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/ssh.ts')).openSsh(context, { reference, command, options }),
      ),
    );
  program
    .command('forward')
    .description('lead ports of this machine to ports inside a session')
    .argument('<session>', SESSION)
    .argument('<ports...>', 'PORT or LOCAL:PORT')
    .action((reference: string, ports: readonly string[], _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/forward.ts')).forwardPorts(context, reference, ports),
      ),
    );
  declareKeys(program, perform);
}

function declareKeys(program: Command, perform: Perform): void {
  const keys = program.command('ssh-key').description('your SSH keys, which let you into sessions');
  keys
    .command('add')
    .description('let a public key in')
    .argument('<file>', 'such as ~/.ssh/id_ed25519.pub; - for standard input')
    .option('--label <text>', 'what to call it (default: its comment)')
    .action((file: string, options: AddKeyOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/ssh-keys.ts')).addSshKey(context, file, options),
      ),
    );
  keys
    .command('ls')
    .description('list SSH keys')
    .option('--user <id>', 'those of a user whom you administer')
    .action((options: ListKeysOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/ssh-keys.ts')).listSshKeys(context, options),
      ),
    );
  keys
    .command('label')
    .description('call a key something else')
    .argument('<key>', KEY)
    .argument('<text>', 'what to call it')
    .action((key: string, text: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/ssh-keys.ts')).labelSshKey(context, key, text),
      ),
    );
  keys
    .command('rm')
    .description('let a key in no more, and end what was opened with it')
    .argument('<key>', KEY)
    .option('--user <id>', 'of a user whom you administer')
    .action((key: string, options: ListKeysOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/ssh-keys.ts')).removeSshKey(context, key, options),
      ),
    );
}
