import { type Command, Option } from 'commander';
import type { DirectoryChange, DirectoryList } from '../client/directory.ts';
import type { UserOptions } from './commands/directory.ts';
import type { GlobalOptions } from './context.ts';
import { type Perform, parsePair } from './options.ts';
import { declareTotpReset } from './totp-program.ts';

interface SetOptions extends GlobalOptions {
  readonly set?: Readonly<Record<string, string>>;
}

const load = () => import('./commands/directory.ts');

/** Who belongs to the cluster: domains, projects, users, key pairs and policies. */
export function declareDirectory(admin: Command, perform: Perform): void {
  declareDomains(admin, perform);
  declareProjects(admin, perform);
  declareUsers(admin, perform);
  declareKeypairs(admin, perform);
  declarePolicies(admin, perform);
}

function setting(): Option {
  return new Option(
    '--set <field=value>',
    'a field of the GraphQL input, such as isActive=false; several',
  ).argParser(parsePair);
}

function declareDomains(admin: Command, perform: Perform): void {
  const domain = admin.command('domain').description('domains, which know nothing of each other');
  listing(domain, perform, { operation: 'domains', fields: ['name', 'isActive', 'description'] });
  named(domain, 'show', 'show all of one').action((name: string, _: GlobalOptions, self: Command) =>
    perform(self, async (context) =>
      (await load()).showEntry(context, { operation: 'domain', variables: { name } }),
    ),
  );
  const settable = (word: string, description: string, operation: DirectoryChange): void => {
    named(domain, word, description)
      .addOption(setting())
      .action((name: string, { set }: SetOptions, self: Command) =>
        perform(self, async (context) => {
          const { changeEntry, inputOf } = await load();
          return changeEntry(context, { operation, variables: { name, input: inputOf(set) } });
        }),
      );
  };
  settable('add', 'make one', 'createDomain');
  settable('set', 'change one; what is left out stays as it is', 'modifyDomain');
  ending(domain, perform, { remove: 'deleteDomain', purge: 'purgeDomain' }, 'name');
}

function declareProjects(admin: Command, perform: Perform): void {
  const project = admin.command('project').description('projects and their members');
  project
    .command('list')
    .description('list those that you may see')
    .option('--domain <name>', 'only of this domain')
    .action((filter: GlobalOptions & { readonly domain?: string }, self: Command) =>
      perform(self, async (context) =>
        (await load()).listEntries(context, {
          operation: 'projects',
          filter: { domain: filter.domain },
          fields: ['id', 'name', 'domain', 'isActive', 'resourcePolicy'],
        }),
      ),
    );
  named(project, 'show', 'show all of one', 'id').action(
    (id: string, _: GlobalOptions, self: Command) =>
      perform(self, async (context) =>
        (await load()).showEntry(context, { operation: 'project', variables: { id } }),
      ),
  );
  project
    .command('add')
    .description('make one')
    .argument('<domain>')
    .argument('<name>')
    .addOption(setting())
    .action((...[domain, name, { set }, self]: [string, string, SetOptions, Command]) =>
      perform(self, async (context) => {
        const { changeEntry, inputOf } = await load();
        const variables = { domain, name, input: inputOf(set) };
        return changeEntry(context, { operation: 'createProject', variables });
      }),
    );
  named(project, 'set', 'change one; what is left out stays as it is', 'id')
    .addOption(setting())
    .action((id: string, { set }: SetOptions, self: Command) =>
      perform(self, async (context) => {
        const { changeEntry, inputOf } = await load();
        const variables = { id, input: inputOf(set) };
        return changeEntry(context, { operation: 'modifyProject', variables });
      }),
    );
  ending(project, perform, { remove: 'deleteProject', purge: 'purgeProject' }, 'id');
  declareMembers(project, perform);
}

function declareMembers(project: Command, perform: Perform): void {
  const member = (word: string, description: string): Command =>
    project
      .command(word)
      .description(description)
      .argument('<project>', 'its id')
      .argument('<user>', 'id or e-mail address');
  member('join', 'make a user a member, or another kind of member')
    .option('--admin', 'who administers the project')
    .action(
      (
        ...[id, user, options, self]: [
          string,
          string,
          GlobalOptions & { readonly admin?: boolean },
          Command,
        ]
      ) =>
        perform(self, async (context) => {
          const { changeEntry, userIdOf } = await load();
          const role = options.admin === true ? 'ADMIN' : 'MEMBER';
          const variables = { id, userId: await userIdOf(context, user), role };
          return changeEntry(context, { operation: 'addProjectMember', variables });
        }),
    );
  member('leave', 'take a user out').action(
    (...[id, user, , self]: [string, string, GlobalOptions, Command]) =>
      perform(self, async (context) => {
        const { changeEntry, userIdOf } = await load();
        const variables = { id, userId: await userIdOf(context, user) };
        return changeEntry(context, { operation: 'removeProjectMember', variables });
      }),
  );
}

function declareUsers(admin: Command, perform: Perform): void {
  const user = admin.command('user').description('users');
  declareTotpReset(user, perform);
  user
    .command('list')
    .description('list those that you may see')
    .option('--domain <name>', 'only of this domain')
    .option('--project <id>', 'only members of this project')
    .action((options: GlobalOptions & Readonly<Record<string, string>>, self: Command) =>
      perform(self, async (context) =>
        (await load()).listEntries(context, {
          operation: 'users',
          filter: { domain: options['domain'], projectId: options['project'] },
          fields: ['email', 'username', 'role', 'domain', 'status', 'id'],
        }),
      ),
    );
  const one = (word: string, description: string): Command =>
    user.command(word).description(description).argument('<user>', 'id or e-mail address');
  one('show', 'show all of one').action((text: string, _: GlobalOptions, self: Command) =>
    perform(self, async (context) => {
      const variables = text.includes('@') ? { email: text } : { id: text };
      return (await load()).showEntry(context, { operation: 'user', variables });
    }),
  );
  user
    .command('add')
    .description('make one with a first key pair, whose secret is shown this once')
    .argument('<email>')
    .addOption(setting())
    .option('--password-stdin', 'read the password from standard input')
    .action((email: string, options: UserOptions, self: Command) =>
      perform(self, async (context) => (await load()).addUser(context, email, options)),
    );
  one('set', 'change one; what is left out stays as it is')
    .addOption(setting())
    .option('--password-stdin', 'read a new password from standard input')
    .action((text: string, options: UserOptions, self: Command) =>
      perform(self, async (context) => (await load()).setUser(context, text, options)),
    );
  const over = (word: string, description: string, operation: DirectoryChange): void => {
    one(word, description).action((text: string, _: GlobalOptions, self: Command) =>
      perform(self, async (context) => {
        const { changeEntry, userIdOf } = await load();
        return changeEntry(context, {
          operation,
          variables: { id: await userIdOf(context, text) },
        });
      }),
    );
  };
  over('remove', 'let one sign in no more', 'deleteUser');
  over('purge', 'remove one for ever, with the key pairs', 'purgeUser');
}

function declareKeypairs(admin: Command, perform: Perform): void {
  const keypair = admin.command('keypair').description('key pairs, with which requests are signed');
  keypair
    .command('list')
    .description('list those that you may see')
    .option('--user <user>', 'only of this user: id or e-mail address')
    .action((options: GlobalOptions & { readonly user?: string }, self: Command) =>
      perform(self, async (context) => {
        const { listEntries, userIdOf } = await load();
        const { user } = options;
        return listEntries(context, {
          operation: 'keypairs',
          filter: user === undefined ? {} : { userId: await userIdOf(context, user) },
          fields: ['accessKey', 'userId', 'isActive', 'isAdmin', 'resourcePolicy', 'rateLimit'],
        });
      }),
    );
  keypair
    .command('add')
    .description('make one more; its secret is shown this once')
    .argument('<user>', 'id or e-mail address')
    .addOption(setting())
    .action((user: string, { set }: SetOptions, self: Command) =>
      perform(self, async (context) => {
        const { changeEntry, inputOf, userIdOf } = await load();
        const input = { ...inputOf(set), userId: await userIdOf(context, user) };
        return changeEntry(context, { operation: 'createKeypair', variables: { input } });
      }),
    );
  named(keypair, 'set', 'change one; what is left out stays as it is', 'access key')
    .addOption(setting())
    .action((accessKey: string, { set }: SetOptions, self: Command) =>
      perform(self, async (context) => {
        const { changeEntry, inputOf } = await load();
        const variables = { accessKey, input: inputOf(set) };
        return changeEntry(context, { operation: 'modifyKeypair', variables });
      }),
    );
  const keyed = (word: string, description: string, operation: DirectoryChange): void => {
    named(keypair, word, description, 'access key').action(
      (accessKey: string, _: GlobalOptions, self: Command) =>
        perform(self, async (context) =>
          (await load()).changeEntry(context, { operation, variables: { accessKey } }),
        ),
    );
  };
  keyed('rotate', 'make a new secret, which is shown this once', 'rotateKeypair');
  keyed('remove', 'remove one that is not the main one of its user', 'deleteKeypair');
}

/** Operations by the word on the command line. */
const POLICY_KINDS = {
  keypair: 'KeypairResourcePolicy',
  user: 'UserResourcePolicy',
  project: 'ProjectResourcePolicy',
} as const;

function declarePolicies(admin: Command, perform: Perform): void {
  const policy = admin.command('policy').description('what key pairs, users and projects may have');
  for (const [kind, type] of Object.entries(POLICY_KINDS)) {
    const operation = `${kind}ResourcePolicy` as 'userResourcePolicy';
    const group = policy.command(kind).description(`policies of ${kind}s`);
    const list = `${kind}ResourcePolicies` as 'userResourcePolicies';
    listing(group, perform, { operation: list, fields: ['name', 'createdAt'] });
    named(group, 'show', 'show all of one').action(
      (name: string, _: GlobalOptions, self: Command) =>
        perform(self, async (context) =>
          (await load()).showEntry(context, { operation, variables: { name } }),
        ),
    );
    const settable = (word: string, description: string, change: DirectoryChange): void => {
      named(group, word, description)
        .addOption(setting())
        .action((name: string, { set }: SetOptions, self: Command) =>
          perform(self, async (context) => {
            const { changeEntry, inputOf } = await load();
            const variables = { name, input: inputOf(set) };
            return changeEntry(context, { operation: change, variables });
          }),
        );
    };
    settable('add', 'make one; what is left out is as in default', `create${type}`);
    settable('set', 'change one; what is left out stays as it is', `modify${type}`);
    ending(group, perform, { remove: `delete${type}` }, 'name');
  }
}

function listing(
  group: Command,
  perform: Perform,
  listed: { readonly operation: DirectoryList; readonly fields: readonly string[] },
): void {
  group
    .command('list')
    .description('list those that you may see')
    .action((_: GlobalOptions, self: Command) =>
      perform(self, async (context) => (await load()).listEntries(context, listed)),
    );
}

function named(group: Command, word: string, description: string, argument = 'name'): Command {
  return group.command(word).description(description).argument(`<${argument}>`);
}

const ENDINGS = {
  remove: 'take one out of use',
  purge: 'remove one for ever; refused while somebody uses it',
} as const;

function ending(
  group: Command,
  perform: Perform,
  operations: Readonly<Partial<Record<keyof typeof ENDINGS, DirectoryChange>>>,
  argument: 'name' | 'id',
): void {
  for (const word of ['remove', 'purge'] as const) {
    const operation = operations[word];
    if (operation === undefined) continue;
    named(group, word, ENDINGS[word], argument).action(
      (text: string, _: GlobalOptions, self: Command) =>
        perform(self, async (context) =>
          (await load()).changeEntry(context, { operation, variables: { [argument]: text } }),
        ),
    );
  }
}
