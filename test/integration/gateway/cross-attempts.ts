import type { cliCommands } from '../../../gateway/auth/cli-table.ts';
import type { Operation } from '../../../gateway/auth/may.ts';

/** What a tenant has, by which somebody else may ask for it. */
export type Kind = 'session' | 'user' | 'email' | 'key' | 'project' | 'domain' | 'group' | 'policy';

/** Of the one who tries. */
export interface Own {
  readonly userId: string;
  readonly project: string;
}

interface Attempt {
  readonly kind: Kind;
  readonly variables: (id: string, own: Own) => object;
}

const id = (value: string): object => ({ id: value });
const inputId = (value: string): object => ({ input: { id: value } });
const sessionId = (value: string): object => ({ sessionId: value });
const named = (name: string): object => ({ name });
const accessKey = (value: string): object => ({ accessKey: value });
/** Of no key there is. */
const FINGERPRINT = `SHA256:${'A'.repeat(43)}`;
const past = { since: '2026-01-01T00:00:00.000Z', until: '2026-01-01T01:00:00.000Z' };

function entity(kind: Kind): Attempt {
  const word = kind === 'key' ? 'keypair' : kind;
  return { kind, variables: (value) => ({ entity: `${word}:${value}`, first: 5 }) };
}

/** Of every operation on what people own: how somebody else's is asked for. A test holds the table against it. */
export const graphqlAttempts: Readonly<Partial<Record<Operation, readonly Attempt[]>>> = {
  'Query.session': [{ kind: 'session', variables: id }],
  'Query.sessions': [
    { kind: 'user', variables: (ownerId) => ({ filter: { ownerId }, first: 5 }) },
    { kind: 'project', variables: (projectId) => ({ filter: { projectId }, first: 5 }) },
  ],
  'Query.sessionAt': [
    { kind: 'session', variables: (value) => ({ id: value, time: '2999-01-01T00:00:00.000Z' }) },
  ],
  'Query.sessionWhy': [{ kind: 'session', variables: id }],
  'Query.sessionFiles': [
    { kind: 'session', variables: (value) => ({ sessionId: value, path: '.' }) },
  ],
  'Query.sessionStatisticsHistory': [
    { kind: 'session', variables: (value) => ({ id: value, ...past, stepSeconds: 60 }) },
  ],
  'Query.terminalRecordings': [{ kind: 'session', variables: sessionId }],
  'Query.sessionApps': [{ kind: 'session', variables: sessionId }],
  'Query.sshKeys': [{ kind: 'user', variables: (userId) => ({ userId }) }],
  'Query.limits': [
    { kind: 'user', variables: (key) => ({ scope: 'USER', key }) },
    { kind: 'project', variables: (key) => ({ scope: 'PROJECT', key }) },
    { kind: 'domain', variables: (key) => ({ scope: 'DOMAIN', key }) },
    { kind: 'key', variables: (key) => ({ scope: 'KEYPAIR', key }) },
  ],
  'Query.usage': [
    { kind: 'user', variables: (userId) => ({ ...days, filter: { userId } }) },
    { kind: 'project', variables: (projectId) => ({ ...days, filter: { projectId } }) },
    { kind: 'domain', variables: (domain) => ({ ...days, filter: { domain } }) },
  ],
  'Query.auditLog': [entity('session'), entity('user'), entity('key'), entity('project')],
  'Query.checkPresets': [{ kind: 'group', variables: (resourceGroup) => ({ resourceGroup }) }],
  'Query.resourceGroup': [{ kind: 'group', variables: named }],
  'Query.domain': [{ kind: 'domain', variables: named }],
  'Query.project': [{ kind: 'project', variables: id }],
  'Query.projects': [{ kind: 'domain', variables: (domain) => ({ domain, first: 5 }) }],
  'Query.user': [
    { kind: 'user', variables: id },
    { kind: 'email', variables: (email) => ({ email }) },
  ],
  'Query.users': [
    { kind: 'domain', variables: (domain) => ({ domain, first: 5 }) },
    { kind: 'project', variables: (projectId) => ({ projectId, first: 5 }) },
  ],
  'Query.keypair': [{ kind: 'key', variables: accessKey }],
  'Query.keypairs': [
    { kind: 'user', variables: (userId) => ({ userId, first: 5 }) },
    { kind: 'domain', variables: (domain) => ({ domain, first: 5 }) },
  ],
  'Query.keypairResourcePolicy': [{ kind: 'policy', variables: named }],
  'Query.userResourcePolicy': [{ kind: 'policy', variables: named }],
  'Query.projectResourcePolicy': [{ kind: 'policy', variables: named }],
  'Mutation.createSession': [
    { kind: 'project', variables: (projectId) => ({ input: { projectId, cpu: '0.1' } }) },
    { kind: 'domain', variables: (domain) => ({ input: { domain, cpu: '0.1' } }) },
    { kind: 'session', variables: (other) => ({ input: { dependsOn: [other], cpu: '0.1' } }) },
  ],
  'Mutation.terminateSession': [{ kind: 'session', variables: inputId }],
  'Mutation.terminateSessions': [
    { kind: 'session', variables: (value) => ({ input: { ids: [value], mode: 'FORCE' } }) },
  ],
  'Mutation.setSessionPriority': [
    { kind: 'session', variables: (value) => ({ input: { id: value, priority: 1 } }) },
  ],
  'Mutation.execInSession': [
    { kind: 'session', variables: (value) => ({ id: value, command: ['id'], hasTerminal: false }) },
  ],
  'Mutation.executeCode': [
    {
      kind: 'session',
      variables: (value) => ({ input: { sessionId: value, mode: 'QUERY', runId: 'r', code: '1' } }),
    },
  ],
  'Mutation.interruptCode': [{ kind: 'session', variables: sessionId }],
  'Mutation.completeCode': [
    { kind: 'session', variables: (value) => ({ sessionId: value, code: 'pri' }) },
  ],
  'Mutation.openTerminal': [
    { kind: 'session', variables: (value) => ({ input: { sessionId: value } }) },
  ],
  'Mutation.shareTerminal': [
    { kind: 'session', variables: (value) => ({ input: { sessionId: value } }) },
  ],
  'Mutation.startApp': [
    { kind: 'session', variables: (value) => ({ input: { sessionId: value, app: 'jupyter' } }) },
  ],
  'Mutation.stopApp': [
    { kind: 'session', variables: (value) => ({ sessionId: value, app: 'jupyter' }) },
  ],
  'Mutation.openApp': [
    { kind: 'session', variables: (value) => ({ input: { sessionId: value, app: 'jupyter' } }) },
  ],
  'Mutation.forwardPort': [
    { kind: 'session', variables: (value) => ({ input: { sessionId: value, port: 8888 } }) },
  ],
  'Mutation.removeSshKey': [
    { kind: 'user', variables: (userId) => ({ fingerprint: FINGERPRINT, userId }) },
  ],
  'Mutation.removeSessionFile': [
    {
      kind: 'session',
      variables: (value) => ({ sessionId: value, path: 'a', isRecursive: false }),
    },
  ],
  'Mutation.renameSessionFile': [
    { kind: 'session', variables: (value) => ({ sessionId: value, from: 'a', to: 'b' }) },
  ],
  'Mutation.createProject': [
    { kind: 'domain', variables: (domain) => ({ domain, name: 'mine-now', input: {} }) },
  ],
  'Mutation.modifyProject': [
    { kind: 'project', variables: (value) => ({ id: value, input: { description: 'mine now' } }) },
  ],
  'Mutation.deleteProject': [{ kind: 'project', variables: id }],
  'Mutation.purgeProject': [{ kind: 'project', variables: id }],
  'Mutation.addProjectMember': [
    { kind: 'project', variables: (value, { userId }) => ({ id: value, userId, role: 'ADMIN' }) },
    { kind: 'user', variables: (userId, { project }) => ({ id: project, userId, role: 'MEMBER' }) },
  ],
  'Mutation.removeProjectMember': [
    { kind: 'project', variables: (value, { userId }) => ({ id: value, userId }) },
    { kind: 'user', variables: (userId, { project }) => ({ id: project, userId }) },
  ],
  'Mutation.createUser': [
    {
      kind: 'domain',
      variables: (domain) => ({
        input: { email: 'new@mine.test', password: 'a rather long password', domain },
      }),
    },
    {
      kind: 'project',
      variables: (projectId) => ({
        input: {
          email: 'new@mine.test',
          password: 'a rather long password',
          domain: 'physics',
          projects: [{ projectId }],
        },
      }),
    },
  ],
  'Mutation.modifyUser': [
    { kind: 'user', variables: (value) => ({ id: value, input: { fullName: 'Mine Now' } }) },
  ],
  'Mutation.deleteUser': [{ kind: 'user', variables: id }],
  'Mutation.purgeUser': [{ kind: 'user', variables: id }],
  'Mutation.createKeypair': [{ kind: 'user', variables: (userId) => ({ input: { userId } }) }],
  'Mutation.modifyKeypair': [
    { kind: 'key', variables: (value) => ({ accessKey: value, input: { isActive: false } }) },
  ],
  'Mutation.rotateKeypair': [{ kind: 'key', variables: accessKey }],
  'Mutation.deleteKeypair': [{ kind: 'key', variables: accessKey }],
};

const days = { from: '2026-01-01', to: '2026-12-31' };

/** Operations that name nothing of anybody's: lists, whose leaks are looked for in what they show. */
export const lists: Readonly<Partial<Record<Operation, object>>> = {
  'Query.sessions': { first: 100 },
  'Query.users': { first: 100 },
  'Query.projects': { first: 100 },
  'Query.keypairs': { first: 100 },
  'Query.domains': { first: 100 },
  'Query.auditLog': { first: 100 },
  'Query.quotas': { scope: 'USER', first: 100 },
  'Query.usage': { ...days, by: ['USER', 'PROJECT', 'DOMAIN'] },
  'Query.clusterAt': { time: '2999-01-01T00:00:00.000Z' },
  'Query.resourcePresets': {},
  'Query.resourceGroups': {},
  'Query.keypairResourcePolicies': { first: 100 },
  'Query.userResourcePolicies': { first: 100 },
  'Query.projectResourcePolicies': { first: 100 },
};

type Command = keyof typeof cliCommands;
interface Typed {
  readonly kind: Kind;
  readonly words: (id: string, own: Own) => readonly string[];
}

const session = (words: readonly string[], ...rest: readonly string[]): Typed => ({
  kind: 'session',
  words: (value) => [...words, value, ...rest],
});

function one(kind: Kind, ...words: readonly string[]): Typed {
  return { kind, words: (value) => [...words, value] };
}

/** The same at the command line: every command that names a thing of somebody's. */
export const typedAttempts: Readonly<Partial<Record<Command, readonly Typed[]>>> = {
  'session get': [session(['session', 'get'])],
  'session why': [session(['session', 'why'])],
  'session prioritise': [session(['session', 'prioritise'], '1')],
  'session logs': [session(['session', 'logs'])],
  'session stats': [session(['session', 'stats'])],
  'session events': [session(['session', 'events'])],
  'session exec': [session(['session', 'exec'], 'id')],
  'session rm': [session(['session', 'rm'])],
  'session files ls': [session(['session', 'files', 'ls'])],
  'session files mv': [session(['session', 'files', 'mv'], 'a', 'b')],
  'session files rm': [session(['session', 'files', 'rm'], 'a')],
  'session recordings': [session(['session', 'recordings'])],
  exec: [session(['exec'], '--code', '1')],
  interrupt: [session(['interrupt'])],
  complete: [session(['complete'], 'pri')],
  forward: [session(['forward'], '8888')],
  'app ls': [session(['app', 'ls'])],
  'app start': [session(['app', 'start'], 'jupyter')],
  'app stop': [session(['app', 'stop'], 'jupyter')],
  'app open': [session(['app', 'open'], 'jupyter')],
  'ssh-key rm': [
    { kind: 'user', words: (value) => ['ssh-key', 'rm', FINGERPRINT, '--user', value] },
  ],
  cp: [{ kind: 'session', words: (value) => ['cp', `${value}:a`, '-'] }],
  'audit show': [
    { kind: 'session', words: (value) => ['audit', 'show', `session:${value}`] },
    { kind: 'user', words: (value) => ['audit', 'show', `user:${value}`] },
  ],
  'audit at': [session(['audit', 'at'], '2999-01-01T00:00:00Z')],
  quota: [
    { kind: 'user', words: (value) => ['quota', 'user', value] },
    { kind: 'project', words: (value) => ['quota', 'project', value] },
    { kind: 'group', words: (value) => ['quota', 'group', value] },
  ],
  usage: [{ kind: 'user', words: (value) => ['usage', '--user', value] }],
  'preset check': [{ kind: 'group', words: (value) => ['preset', 'check', value] }],
  'admin group show': [{ kind: 'group', words: (value) => ['admin', 'group', 'show', value] }],
  'admin limits show': [one('user', 'admin', 'limits', 'show', 'user')],
  'admin domain show': [one('domain', 'admin', 'domain', 'show')],
  'admin project show': [one('project', 'admin', 'project', 'show')],
  'admin project add': [
    { kind: 'domain', words: (value) => ['admin', 'project', 'add', value, 'mine-now'] },
  ],
  'admin project set': [
    { kind: 'project', words: (id) => ['admin', 'project', 'set', id, '--set', 'description=x'] },
  ],
  'admin project remove': [one('project', 'admin', 'project', 'remove')],
  'admin project purge': [one('project', 'admin', 'project', 'purge')],
  'admin project join': [
    { kind: 'user', words: (id, { project }) => ['admin', 'project', 'join', project, id] },
    { kind: 'email', words: (id, { project }) => ['admin', 'project', 'join', project, id] },
  ],
  'admin project leave': [
    { kind: 'user', words: (id, { project }) => ['admin', 'project', 'leave', project, id] },
  ],
  'admin user show': [one('email', 'admin', 'user', 'show')],
  'admin user set': [
    { kind: 'email', words: (id) => ['admin', 'user', 'set', id, '--set', 'fullName=x'] },
  ],
  'admin user remove': [one('email', 'admin', 'user', 'remove')],
  'admin user purge': [one('email', 'admin', 'user', 'purge')],
  'admin user reset-totp': [one('email', 'admin', 'user', 'reset-totp')],
  'admin keypair add': [one('email', 'admin', 'keypair', 'add')],
  'admin keypair set': [
    { kind: 'key', words: (id) => ['admin', 'keypair', 'set', id, '--set', 'isActive=false'] },
  ],
  'admin keypair rotate': [one('key', 'admin', 'keypair', 'rotate')],
  'admin keypair remove': [one('key', 'admin', 'keypair', 'remove')],
};

/** Commands that name something, and why it is nobody's, or asked for above under another name. */
export const untyped: Readonly<Partial<Record<Command, string>>> = {
  run: 'makes a session, and knows it by the id that it was given',
  'session create': 'likewise',
  'audit cluster': 'names a time',
  'ssh-key add': 'makes a key of ones own',
  'ssh-key label': 'one of ones own; what somebody else has is tried by GraphQL',
  shell: 'needs a terminal; it asks by openTerminal and shareTerminal',
  'admin user add': 'an address that somebody has is taken, as on every sign-up',
  'admin policy keypair show': 'who administers a domain sees all policies; users by GraphQL above',
  'admin policy user show': 'likewise',
  'admin policy project show': 'likewise',
};
