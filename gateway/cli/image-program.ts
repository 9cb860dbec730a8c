import { type Command, Option } from 'commander';
import type { RegistryOptions } from './commands/registries.ts';
import type { GlobalOptions } from './context.ts';
import type { Perform } from './options.ts';

const loadLife = () => import('./commands/image-life.ts');
const loadRegistries = () => import('./commands/registries.ts');

export function declareImages(program: Command, perform: Perform): void {
  const image = program.command('image').description('the images that sessions may name');
  image
    .command('ls')
    .description('list images')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await import('./commands/images.ts')).listImages(context)),
    );
  image
    .command('add')
    .description('let sessions name an image')
    .argument('<reference>', 'such as docker.io/library/python:3.13-slim')
    .action((reference: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await import('./commands/images.ts')).addImage(context, reference),
      ),
    );
  image
    .command('rescan')
    .description('read what registries have, and let sessions name it')
    .argument('[registry]', 'name of a registry (default: all)')
    .action((registry: string | undefined, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await loadLife()).rescanImages(context, registry)),
    );
  declareNames(image, perform);
}

function declareNames(image: Command, perform: Perform): void {
  image
    .command('alias')
    .description('give an image another name')
    .argument('<alias>', 'such as python')
    .argument('<reference>', 'the image that it stands for')
    .action((alias: string, reference: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await loadLife()).aliasImage(context, alias, reference)),
    );
  image
    .command('dealias')
    .description('take another name away')
    .argument('<alias>')
    .action((alias: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await loadLife()).dealiasImage(context, alias)),
    );
  image
    .command('forget')
    .description('let sessions name an image no more; nothing is deleted')
    .argument('<reference>')
    .action((reference: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await loadLife()).forgetImage(context, reference)),
    );
}

export function declareRegistries(admin: Command, perform: Perform): void {
  const registry = admin.command('registry').description('the registries that images come from');
  registry
    .command('list')
    .description('list them')
    .action((_options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await loadRegistries()).listRegistries(context)),
    );
  const changing = (word: string, description: string): Command =>
    registry
      .command(word)
      .description(description)
      .argument('<name>', 'its host, such as registry.example.com:5000')
      .option('--project <path>', 'rescan only images below this path; empty for all')
      .option('--username <name>', 'user of the registry; empty for none')
      .option('--password-stdin', 'read the password from standard input instead of asking');
  changing('add', 'make one known')
    .addOption(
      new Option('--url <url>', 'such as https://registry.example.com').makeOptionMandatory(),
    )
    .action((name: string, options: RegistryOptions, self: Command) =>
      perform(self, async (context) =>
        (await loadRegistries()).changeRegistry(context, 'create', { name, ...options }),
      ),
    );
  changing('set', 'change one; what is left out stays as it is')
    .option('--url <url>', 'such as https://registry.example.com')
    .action((name: string, options: RegistryOptions, self: Command) =>
      perform(self, async (context) =>
        (await loadRegistries()).changeRegistry(context, 'modify', { name, ...options }),
      ),
    );
  registry
    .command('remove')
    .description('remove one; its images stay')
    .argument('<name>')
    .action((name: string, _options: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await loadRegistries()).removeRegistry(context, name)),
    );
}
