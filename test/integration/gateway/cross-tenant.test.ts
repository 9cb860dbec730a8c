import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createClient } from 'graphql-ws';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { cliCommands } from '../../../gateway/auth/cli-table.ts';
import { type Operation, operations } from '../../../gateway/auth/may.ts';
import type { Rule } from '../../../gateway/auth/rules.ts';
import type { CliIo } from '../../../gateway/cli/io.ts';
import { declareProgram } from '../../../gateway/cli/program.ts';
import { documents } from '../../../gateway/client/documents.ts';
import { startSystem } from '../../environment/system.ts';
import { Random } from '../../simulation/random.ts';
import { orrery } from '../../unit/cli/command-line.ts';
import {
  answerOf,
  makeProject,
  makeUser,
  type NewUser,
} from '../../unit/gateway/directory-calls.ts';
import { callsOf, makeTenant, submit, type Tenant } from './cast.ts';
import {
  graphqlAttempts,
  type Kind,
  lists,
  type Own,
  typedAttempts,
  untyped,
} from './cross-attempts.ts';

const SESSIONS = 20;
const PEOPLE = 10;
const PROJECTS = 8;
const SOON_MS = 60_000;

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2']);
const calls = await callsOf(system);

type Things = Readonly<Record<Kind, readonly string[]>>;

/** Sessions, people with their key pairs, projects, a resource group and a policy: more than fifty things. */
async function furnish(tenant: Tenant): Promise<Things> {
  const { domain, user } = tenant;
  const sessions = [tenant.session];
  while (sessions.length < SESSIONS) sessions.push(await submit(calls, user.headers));
  const people: NewUser[] = [tenant.admin, tenant.projectAdmin, user];
  for (let count = people.length; count < PEOPLE; count += 1)
    people.push(
      await makeUser(calls, {
        email: `person-${count}@${domain}.test`,
        domain,
        projects: [{ projectId: tenant.project }],
      }),
    );
  const projects = [tenant.project];
  while (projects.length < PROJECTS)
    projects.push(await makeProject(calls, domain, `${domain}-${projects.length}`));
  const group = `${domain}-gpu`;
  await answerOf(
    calls,
    'mutation ($input: SetResourceGroupInput!) { setResourceGroup(input: $input) { rejection { code } } }',
    { input: { name: group, isPublic: false, access: { domains: [domain] } } },
  );
  const policy = `${domain}-policy`;
  for (const kind of ['Keypair', 'User', 'Project'])
    await answerOf(
      calls,
      `mutation ($name: String!) { create${kind}ResourcePolicy(name: $name) { rejection { code } } }`,
      { name: policy },
    );
  return {
    session: sessions,
    user: people.map(({ id }) => id),
    email: people.map(({ email }) => email),
    key: people.map(({ accessKey }) => accessKey),
    project: projects,
    domain: [domain],
    group: [group],
    policy: [policy],
  };
}

const mine = await makeTenant(calls, 'physics');
const theirs = await makeTenant(calls, 'botany');
const own: Own = { userId: mine.user.id, project: mine.project };
await furnish(mine);
const foreign = await furnish(theirs);

function absent(kind: Kind): string {
  const name = randomUUID();
  switch (kind) {
    case 'email':
      return `${name.slice(0, 8)}@botany.test`;
    case 'key':
      return `AKIA${name.replaceAll('-', '').slice(0, 16).toUpperCase().replaceAll(/[01]/g, 'A').replaceAll('8', 'B').replaceAll('9', 'C')}`;
    case 'domain':
    case 'group':
    case 'policy':
      return name.slice(0, 8);
    default:
      return name;
  }
}

const people: Readonly<Record<string, NewUser>> = {
  'domain admin': mine.admin,
  'project admin': mine.projectAdmin,
  user: mine.user,
};
const random = new Random(Number(process.env['ORRERY_SEED'] ?? 7));
/** Of each pair: whether the one of somebody else took longer than the one that is not there. */
const slower: boolean[] = [];
let attempts = 0;

interface Answered {
  readonly text: string;
  readonly tookMs: number;
}

/** Both, in any order, each with its name taken out. */
async function compare(
  kind: Kind,
  id: string,
  ask: (id: string) => Promise<string>,
): Promise<string | undefined> {
  const told = async (name: string): Promise<Answered> => {
    const beganMs = performance.now();
    const text = await ask(name);
    return { text: text.replaceAll(name, 'ID'), tookMs: performance.now() - beganMs };
  };
  const missing = absent(kind);
  const isFirst = random.chance(0.5);
  const before = isFirst ? await told(id) : await told(missing);
  const after = isFirst ? await told(missing) : await told(id);
  const [theirAnswer, noAnswer] = isFirst ? [before, after] : [after, before];
  attempts += 1;
  slower.push(theirAnswer.tookMs > noAnswer.tookMs);
  if (theirAnswer.text === noAnswer.text) return undefined;
  return `${theirAnswer.text} | ${noAnswer.text}`;
}

const isOwned = (rule: Rule): boolean =>
  [rule.user, rule['project-admin'], rule['domain-admin']].some((reach) =>
    ['own', 'project', 'domain'].includes(reach),
  );
const owned = (Object.keys(operations) as Operation[]).filter((name) => isOwned(operations[name]));

const covered = suite('cross-tenant: what is tried');

covered('every operation on what people own is tried, or is a list that is looked through', () => {
  const missing = owned.filter(
    (name) => !(name in graphqlAttempts) && !(name in lists) && !(name in elsewhere),
  );
  assert.equal(missing, []);
});

/** Tried below by other means than a document and its answer. */
const elsewhere: Readonly<Partial<Record<Operation, true>>> = {
  'Subscription.sessionEvents': true,
  'Subscription.sessionLogs': true,
  'Subscription.sessionStatistics': true,
  'Subscription.sessionsChanged': true,
  'Subscription.quotasChanged': true,
  'GET /replay': true,
  'GET /files/:session': true,
  'PUT /files/:session': true,
  'GET /recordings/:session/:name': true,
  'Mutation.addSshKey': true,
  'Mutation.labelSshKey': true,
};

covered('so is every command of the command line that names something of somebody’s', () => {
  const stream = new PassThrough();
  const io = { stdout: stream, stderr: stream } as unknown as CliIo;
  type Program = ReturnType<typeof declareProgram>;
  const naming = (command: Program, path: readonly string[]): readonly string[] =>
    command.commands.length === 0
      ? command.registeredArguments.length > 0
        ? [path.join(' ')]
        : []
      : command.commands.flatMap((child) => naming(child, [...path, child.name()]));
  const program = declareProgram(io, async () => {});
  const missing = naming(program, []).filter((name) => {
    const used: readonly Operation[] = cliCommands[name as keyof typeof cliCommands] ?? [];
    if (name in typedAttempts || name in untyped) return false;
    return used.some((operation) => owned.includes(operation));
  });
  assert.equal(missing, []);
});

const trying = suite("cross-tenant: somebody else's is as good as absent");

for (const [who, person] of Object.entries(people))
  trying(`over GraphQL, for a ${who}`, async () => {
    const different: string[] = [];
    for (const [operation, tries] of Object.entries(graphqlAttempts)) {
      const [, name = ''] = operation.split('.');
      for (const { kind, variables } of tries ?? []) {
        if (kind === 'policy' && who === 'domain admin') continue;
        const document = documents[name as keyof typeof documents];
        const ask = async (id: string): Promise<string> => {
          const { status, body } = await calls.graphql(document, variables(id, own), {
            ...person.headers,
          });
          const text = JSON.stringify(body);
          assert.not.match(text, /QUERY_INVALID|INTERNAL/, operation);
          return `${status} ${text}`;
        };
        for (const id of [random.pick(foreign[kind]), random.pick(foreign[kind])]) {
          const difference = await compare(kind, id, ask);
          if (difference !== undefined) different.push(`${operation} of a ${kind}: ${difference}`);
        }
      }
    }
    assert.equal(different, []);
  });

trying('by the SSH key of somebody else, which is as unknown as any other', async () => {
  const theirKey = newPublicKey();
  const add = async ({ headers }: NewUser, publicKey: string): Promise<AddedKey | undefined> => {
    const input = { publicKey, label: 'a key' };
    const { body } = await calls.graphql(documents.addSshKey, { input }, { ...headers });
    return body.data?.['addSshKey'] as AddedKey | undefined;
  };
  const fingerprint = (await add(theirs.user, theirKey))?.sshKey?.fingerprint ?? '';
  assert.match(fingerprint, /^SHA256:/);
  for (const [who, person] of Object.entries(people)) {
    const told = async (name: string): Promise<string> => {
      const variables = { fingerprint: name, label: 'mine now' };
      const { status, body } = await calls.graphql(documents.labelSshKey, variables, {
        ...person.headers,
      });
      return `${status} ${JSON.stringify(body)}`.replaceAll(name, 'ID');
    };
    assert.is(await told(fingerprint), await told(`SHA256:${'A'.repeat(43)}`), who);
    for (const key of [theirKey, newPublicKey()]) {
      assert.is((await add(person, key))?.rejection, null, who);
    }
  }
});

interface AddedKey {
  readonly sshKey: { readonly fingerprint: string } | null;
  readonly rejection: object | null;
}

/** One line, as ssh-keygen writes it. */
function newPublicKey(): string {
  const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const part = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const wire = [Buffer.from('ssh-ed25519'), Buffer.from(x, 'base64url')].map(part);
  return `ssh-ed25519 ${Buffer.concat(wire).toString('base64')} test`;
}

trying('over REST, for each of them', async () => {
  const different: string[] = [];
  const routes: readonly (readonly [string, (id: string) => string])[] = [
    ['GET', (id) => `/files/${id}?path=a`],
    ['PUT', (id) => `/files/${id}?path=a`],
    ['GET', (id) => `/recordings/${id}/one`],
    ['GET', (id) => `/replay?entity=session:${id}`],
  ];
  for (const { headers } of Object.values(people))
    for (const [method, path] of routes) {
      const ask = async (id: string): Promise<string> => {
        const init = {
          method,
          headers: { ...headers },
          ...(method === 'PUT' ? { body: 'x' } : {}),
        };
        const response = await fetch(`${system.endpoint}${path(id)}`, init);
        return `${response.status} ${await response.text()}`;
      };
      for (const id of [random.pick(foreign.session), random.pick(foreign.session)]) {
        const difference = await compare('session', id, ask);
        if (difference !== undefined) different.push(`${method} ${path('ID')}: ${difference}`);
      }
    }
  assert.equal(different, []);
});

trying('by subscriptions, for each of them', async () => {
  const different: string[] = [];
  const selections = {
    sessionEvents: '{ type }',
    sessionLogs: '{ data }',
    sessionStatistics: '{ kernelId }',
  };
  for (const person of Object.values(people)) {
    const client = liveOf(person);
    for (const [name, selection] of Object.entries(selections)) {
      const query = `subscription ($id: ID!) { ${name}(id: $id) ${selection} }`;
      const ask = async (id: string): Promise<string> => {
        const told: unknown[] = [];
        try {
          for await (const item of client.iterate({ query, variables: { id } })) {
            told.push(item);
            if (told.length > 5) break;
          }
        } catch (error) {
          told.push(error);
        }
        return JSON.stringify(told);
      };
      for (const id of [random.pick(foreign.session), random.pick(foreign.session)]) {
        const difference = await compare('session', id, ask);
        if (difference !== undefined) different.push(`${name}: ${difference}`);
      }
    }
    await client.dispose();
  }
  assert.equal(different, []);
});

function liveOf({ headers }: NewUser): ReturnType<typeof createClient> {
  const token = headers['authorization']?.replace('Bearer ', '');
  const url = `${system.endpoint.replace(/^http/, 'ws')}/graphql`;
  return createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryAttempts: 0,
  });
}

trying('at the command line, for the domain admin', async () => {
  const path = join(system.dataDirectory, 'mine.json');
  const token = mine.admin.headers['authorization']?.replace('Bearer ', '');
  writeFileSync(path, JSON.stringify({ endpoint: system.endpoint, token }), { mode: 0o600 });
  const env = { ORRERY_PROFILE: path, COLUMNS: '200' };
  const different: string[] = [];
  for (const [command, tries] of Object.entries(typedAttempts))
    for (const { kind, words } of tries ?? []) {
      const ask = async (id: string): Promise<string> => {
        const { exitCode, stdout, stderr } = await orrery(words(id, own), { env, stdin: '1\n' });
        assert.not.match(stderr, /unknown option|unknown command|argument/, command);
        return [exitCode, stdout, stderr].join('\n');
      };
      const difference = await compare(kind, random.pick(foreign[kind]), ask);
      if (difference !== undefined) different.push(`${command} of a ${kind}: ${difference}`);
    }
  assert.equal(different, []);
});

trying('no list and no replay shows or counts anything of theirs', async () => {
  const marks = Object.entries(foreign)
    // Who administers a domain sees all policies.
    .filter(([kind]) => kind !== 'policy')
    .flatMap(([, ids]) => ids.map((id) => (id === theirs.domain ? `"${id}"` : id)));
  const leaks: string[] = [];
  for (const [who, { headers }] of Object.entries(people)) {
    for (const [operation, variables] of Object.entries(lists)) {
      const [, name = ''] = operation.split('.');
      const document = documents[name as keyof typeof documents];
      const { body } = await calls.graphql(document, variables, { ...headers });
      assert.is(body.errors, undefined, `${operation}: ${JSON.stringify(body.errors)}`);
      const text = JSON.stringify(body);
      leaks.push(
        ...marks.filter((mark) => text.includes(mark)).map((mark) => `${who} ${operation} ${mark}`),
      );
    }
    const replayed = await fetch(`${system.endpoint}/replay`, { headers: { ...headers } });
    const text = await replayed.text();
    leaks.push(
      ...marks.filter((mark) => text.includes(mark)).map((mark) => `${who} replay ${mark}`),
    );
  }
  assert.equal(leaks, []);
});

trying('what happens to theirs is told to nobody else', async () => {
  for (const person of Object.values(people)) {
    const client = liveOf(person);
    const told: string[] = [];
    const quotas = client.iterate({
      query: 'subscription ($key: ID) { quotasChanged(scope: PROJECT, key: $key) { key } }',
      variables: { key: theirs.project },
    });
    const quotasEnded = (async () => {
      for await (const item of quotas) told.push(JSON.stringify(item));
    })().catch(() => undefined);
    const changes = client.iterate<{ sessionsChanged: { session: { id: string } } }>({
      query: 'subscription { sessionsChanged(after: "0") { session { id } } }',
    });
    await submit(calls, theirs.user.headers);
    const last = await submit(calls, mine.user.headers);
    const signal = AbortSignal.timeout(SOON_MS);
    for await (const { data } of changes) {
      signal.throwIfAborted();
      const { id } = data?.sessionsChanged.session ?? {};
      if (id !== undefined && foreign.session.includes(id)) told.push(id);
      if (id === last) break;
    }
    await client.dispose();
    await quotasEnded;
    assert.equal(told, []);
  }
});

trying('three hundred attempts and more differ in nothing, in time neither', () => {
  assert.ok(attempts >= 300, `${attempts} attempts`);
  const longer = slower.filter(Boolean).length;
  // A fair coin comes further from the half than this once in ten thousand runs.
  const noise = 2 * Math.sqrt(attempts);
  assert.ok(
    Math.abs(longer - attempts / 2) <= noise,
    `of ${attempts} pairs, somebody else's took longer ${longer} times`,
  );
  process.stderr.write(`${attempts} attempts; somebody else's took longer in ${longer}\n`);
});

trying.after(async () => {
  await system[Symbol.asyncDispose]();
});
covered.run();
trying.run();
