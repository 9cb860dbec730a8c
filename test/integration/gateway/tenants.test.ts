import { randomUUID } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { documents } from '../../../gateway/client/documents.ts';
import { startSystem } from '../../environment/system.ts';
import type { Headers, NewUser } from '../../unit/gateway/directory-calls.ts';
import { callsOf, makeTenant, submit, type Tenant } from './cast.ts';

const WAIT_MS_MAX = 60_000;

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2']);
const calls = await callsOf(system);
const mine = await makeTenant(calls, 'physics');
const theirs = await makeTenant(calls, 'botany');

const people: Readonly<Record<string, NewUser>> = {
  'domain admin': mine.admin,
  'project admin': mine.projectAdmin,
  user: mine.user,
};

type Name = keyof typeof documents;
interface Attempt {
  readonly name: Name;
  readonly variables: (id: string) => object;
}

const absent = {
  session: randomUUID(),
  user: randomUUID(),
  email: 'absent@botany.test',
  key: 'AKIAABSENTABSENTABSE',
  project: randomUUID(),
  domain: 'zoology',
};
type Kind = keyof typeof absent;
const other: Readonly<Record<Kind, string>> = {
  session: theirs.session,
  user: theirs.user.id,
  email: theirs.user.email,
  key: theirs.user.accessKey,
  project: theirs.project,
  domain: theirs.domain,
};

const byId = (id: string): object => ({ id });
const byInputId = (id: string): object => ({ input: { id } });
const attempts: Readonly<Record<Kind, readonly Attempt[]>> = {
  session: [
    { name: 'session', variables: byId },
    { name: 'sessionAt', variables: (id) => ({ id, time: '2999-01-01T00:00:00.000Z' }) },
    { name: 'sessionWhy', variables: byId },
    { name: 'terminateSession', variables: byInputId },
    { name: 'setSessionPriority', variables: (id) => ({ input: { id, priority: 1 } }) },
    { name: 'execInSession', variables: (id) => ({ id, command: ['id'], hasTerminal: false }) },
    { name: 'auditLog', variables: (id) => ({ entity: `session:${id}`, first: 5 }) },
  ],
  user: [
    { name: 'user', variables: byId },
    { name: 'keypairs', variables: (userId) => ({ userId, first: 5 }) },
    { name: 'limits', variables: (key) => ({ scope: 'USER', key }) },
    { name: 'auditLog', variables: (id) => ({ entity: `user:${id}`, first: 5 }) },
    {
      name: 'addProjectMember',
      variables: (userId) => ({ id: mine.project, userId, role: 'MEMBER' }),
    },
    { name: 'sessions', variables: (ownerId) => ({ filter: { ownerId }, first: 5 }) },
  ],
  email: [{ name: 'user', variables: (email) => ({ email }) }],
  key: [
    { name: 'keypair', variables: (accessKey) => ({ accessKey }) },
    { name: 'rotateKeypair', variables: (accessKey) => ({ accessKey }) },
    { name: 'limits', variables: (key) => ({ scope: 'KEYPAIR', key }) },
    { name: 'auditLog', variables: (id) => ({ entity: `keypair:${id}`, first: 5 }) },
  ],
  project: [
    { name: 'project', variables: byId },
    { name: 'modifyProject', variables: (id) => ({ id, input: { description: 'mine now' } }) },
    { name: 'deleteProject', variables: byId },
    { name: 'purgeProject', variables: byId },
    {
      name: 'addProjectMember',
      variables: (id) => ({ id, userId: mine.user.id, role: 'ADMIN' }),
    },
    { name: 'removeProjectMember', variables: (id) => ({ id, userId: theirs.user.id }) },
    { name: 'users', variables: (projectId) => ({ projectId, first: 5 }) },
    { name: 'limits', variables: (key) => ({ scope: 'PROJECT', key }) },
    { name: 'sessions', variables: (projectId) => ({ filter: { projectId }, first: 5 }) },
    {
      name: 'createSession',
      variables: (projectId) => ({ input: { projectId, domain: theirs.domain, cpu: '0.1' } }),
    },
    { name: 'createSession', variables: (projectId) => ({ input: { projectId, cpu: '0.1' } }) },
  ],
  domain: [
    { name: 'domain', variables: (name) => ({ name }) },
    { name: 'projects', variables: (domain) => ({ domain, first: 5 }) },
    { name: 'users', variables: (domain) => ({ domain, first: 5 }) },
    { name: 'keypairs', variables: (domain) => ({ domain, first: 5 }) },
    { name: 'limits', variables: (key) => ({ scope: 'DOMAIN', key }) },
    { name: 'createProject', variables: (domain) => ({ domain, name: 'mine-now', input: {} }) },
    { name: 'createSession', variables: (domain) => ({ input: { domain, cpu: '0.1' } }) },
  ],
};

/** Everything that the gateway answers, with the name that was asked for taken out. */
async function answer(
  { name, variables }: Attempt,
  id: string,
  headers: Headers,
): Promise<{ readonly status: number; readonly text: string }> {
  const { status, body } = await calls.graphql(documents[name], variables(id), { ...headers });
  const text = JSON.stringify(body).replaceAll(id, 'ID');
  assert.not.match(text, /QUERY_INVALID/, name);
  return { status, text };
}

const tenancy = suite("tenancy: somebody else's is as good as absent");

for (const [who, person] of Object.entries(people))
  tenancy(`a ${who} is told the same of theirs as of what is not there`, async () => {
    const different: string[] = [];
    for (const kind of Object.keys(attempts) as Kind[])
      for (const attempt of attempts[kind]) {
        const foreign = await answer(attempt, other[kind], person.headers);
        const missing = await answer(attempt, absent[kind], person.headers);
        if (JSON.stringify(foreign) !== JSON.stringify(missing))
          different.push(`${attempt.name} of a ${kind}: ${foreign.text} | ${missing.text}`);
      }
    assert.equal(different, []);
  });

/** What tells that something of a tenant is shown. */
const marksOf = ({ session, project, domain, admin, projectAdmin, user }: Tenant) => [
  session,
  project,
  `"${domain}"`,
  ...[admin, projectAdmin, user].flatMap(({ id, email, accessKey }) => [id, email, accessKey]),
];

const lists: readonly (readonly [Name, object])[] = [
  ['sessions', { first: 100 }],
  ['users', { first: 100 }],
  ['projects', { first: 100 }],
  ['keypairs', { first: 100 }],
  ['domains', { first: 100 }],
  ['auditLog', { first: 100 }],
  ['clusterAt', { time: '2999-01-01T00:00:00.000Z' }],
];

for (const [who, person] of Object.entries(people))
  tenancy(`no list of a ${who} holds or counts what is theirs`, async () => {
    for (const [name, variables] of lists) {
      const { body } = await calls.graphql(documents[name], variables, { ...person.headers });
      assert.is(body.errors, undefined, name);
      const text = JSON.stringify(body);
      const leaks = marksOf(theirs).filter((mark) => text.includes(mark));
      assert.equal(leaks, [], name);
    }
    const counted = await calls.graphql(
      '{ sessions { totalCount } status { sessionsByStatus } }',
      {},
      { ...person.headers },
    );
    const { sessions, status } = counted.body.data as {
      sessions: { totalCount: number };
      status: { sessionsByStatus: Record<string, number> };
    };
    assert.is(sessions.totalCount, 1);
    assert.is(
      Object.values(status.sessionsByStatus).reduce((sum, count) => sum + count, 0),
      1,
    );
  });

tenancy('who administers sees what is theirs to administer, and the superadmin all', async () => {
  const seen = async (headers?: Headers): Promise<string> => {
    const { body } = await calls.graphql(
      documents.sessions,
      { first: 100 },
      headers && { ...headers },
    );
    return JSON.stringify(body);
  };
  for (const { headers } of [mine.admin, mine.projectAdmin])
    assert.ok((await seen(headers)).includes(mine.session));
  const all = await seen();
  assert.ok(all.includes(mine.session) && all.includes(theirs.session));
});

tenancy('a replay holds nothing of theirs', async () => {
  for (const { headers } of Object.values(people)) {
    const response = await fetch(`${system.endpoint}/replay`, { headers: { ...headers } });
    const text = await response.text();
    assert.ok(text.includes(mine.session));
    const leaks = marksOf(theirs).filter((mark) => text.includes(mark));
    assert.equal(leaks, []);
  }
});

tenancy('a subscription tells of own things, and not of theirs', async () => {
  const token = mine.admin.headers['authorization']?.replace('Bearer ', '');
  const url = `${system.endpoint.replace(/^http/, 'ws')}/graphql`;
  const client = createClient({ url, webSocketImpl: WebSocket, connectionParams: { token } });
  const query = 'subscription { sessionsChanged(after: "0") { session { id domain } } }';
  const changes = client.iterate<{ sessionsChanged: { session: { id: string; domain: string } } }>({
    query,
  });
  await submit(calls, theirs.user.headers);
  const last = await submit(calls, mine.user.headers);
  const signal = AbortSignal.timeout(WAIT_MS_MAX);
  const domains = new Set<string>();
  for await (const { data, errors } of changes) {
    signal.throwIfAborted();
    assert.is(errors, undefined);
    if (data == null) continue;
    const { id, domain } = data.sessionsChanged.session;
    domains.add(domain);
    if (id === last) break;
  }
  await client.dispose();
  assert.equal([...domains], [mine.domain]);
});

tenancy.after(async () => {
  await system[Symbol.asyncDispose]();
});
tenancy.run();
