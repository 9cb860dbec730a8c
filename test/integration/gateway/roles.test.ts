import { randomUUID } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Operation, operations } from '../../../gateway/auth/may.ts';
import { type Rule, SEATS, type Seat } from '../../../gateway/auth/rules.ts';
import { documents } from '../../../gateway/client/documents.ts';
import { startSystem } from '../../environment/system.ts';
import { type Headers, makeUser } from '../../unit/gateway/directory-calls.ts';
import { callsOf, makeTenant } from './cast.ts';

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2']);
const calls = await callsOf(system);
const tenant = await makeTenant(calls, 'physics');
const monitor = await makeUser(calls, { email: 'monitor@example.test', role: 'MONITOR' });
const superadmin = await makeUser(calls, { email: 'super@example.test', role: 'SUPERADMIN' });

const headersOf: Readonly<Record<Seat, Headers>> = {
  anonymous: {},
  superadmin: superadmin.headers,
  'domain-admin': tenant.admin.headers,
  'project-admin': tenant.projectAdmin.headers,
  user: tenant.user.headers,
  monitor: monitor.headers,
};

const FINGERPRINT = `SHA256:${'A'.repeat(43)}`;

/** Of nothing that there is: who may do it is told so, and nothing is changed by it. */
function variablesOf(name: string): Readonly<Record<string, unknown>> {
  const id = randomUUID();
  const page = { first: 1 };
  const absent = { name: `absent-${id}` };
  const key = 'AKIAABSENTABSENTABSE';
  const own: Readonly<Record<string, object>> = {
    sessionAt: { id, time: '2026-01-01T00:00:00.000Z' },
    sessionStatisticsHistory: {
      id,
      since: '2026-01-01T00:00:00.000Z',
      until: '2026-01-01T01:00:00.000Z',
      stepSeconds: 60,
    },
    agentStatisticsHistory: {
      id: 'absent',
      since: '2026-01-01T00:00:00.000Z',
      until: '2026-01-01T01:00:00.000Z',
      stepSeconds: 60,
    },
    clusterAt: { time: '2026-01-01T00:00:00.000Z' },
    limits: { scope: 'DOMAIN', key: tenant.domain },
    archive: { last: 1 },
    quotas: { scope: 'USER', ...page },
    usage: { from: '2026-01-01', to: '2026-01-02' },
    signIn: { email: 'absent@example.test', password: 'wrong' },
    enrolTotp: { password: 'wrong' },
    confirmTotp: { code: '000000' },
    removeTotp: { code: '000000' },
    createSession: { input: { image: 'absent' } },
    terminateSession: { input: { id } },
    terminateSessions: { input: { ids: [id], mode: 'FORCE' } },
    executeCode: { input: { sessionId: id, mode: 'QUERY', runId: 'run', code: '1' } },
    interruptCode: { sessionId: id },
    completeCode: { sessionId: id, code: 'pri' },
    sessionFiles: { sessionId: id, path: '.' },
    openTerminal: { input: { sessionId: id } },
    shareTerminal: { input: { sessionId: id } },
    terminalRecordings: { sessionId: id },
    sessionApps: { sessionId: id },
    startApp: { input: { sessionId: id, app: 'absent' } },
    stopApp: { sessionId: id, app: 'absent' },
    openApp: { input: { sessionId: id, app: 'absent' } },
    forwardPort: { input: { sessionId: id, port: 80 } },
    sshKeys: { userId: id },
    addSshKey: { input: { publicKey: 'not a key' } },
    labelSshKey: { fingerprint: FINGERPRINT, label: 'absent' },
    removeSshKey: { fingerprint: FINGERPRINT },
    removeSessionFile: { sessionId: id, path: 'absent', isRecursive: false },
    renameSessionFile: { sessionId: id, from: 'absent', to: 'other' },
    fairShare: { resourceGroup: 'default' },
    scheduleReplay: { input: { policies: [] } },
    setSessionPriority: { input: { id, priority: 1 } },
    registerImage: { input: { reference: 'not a reference' } },
    rescanImages: { registry: 'absent.example.test' },
    aliasImage: { alias: 'other', target: 'absent' },
    dealiasImage: { alias: 'absent' },
    forgetImage: { reference: 'absent' },
    createContainerRegistry: { input: { name: 'not a name', url: 'https://a.example.test' } },
    modifyContainerRegistry: { input: absent },
    deleteContainerRegistry: absent,
    setAgentSchedulable: { input: { id: 'absent', isSchedulable: true } },
    drainAgent: { input: { id: 'absent' } },
    createResourcePreset: { input: { name: 'bad', slots: { absent: '1' } } },
    modifyResourcePreset: { input: absent },
    deleteResourcePreset: { input: absent },
    setResourceGroup: { input: { name: 'not a name' } },
    removeResourceGroup: absent,
    setLimits: { input: { scope: 'USER', key: 'absent', totalResourceSlots: { cpu: '1' } } },
    execInSession: { id, command: ['true'], hasTerminal: false },
    replaySetAsideCommand: { id: '0.1' },
    project: { id },
    keypair: { accessKey: key },
    createDomain: { name: 'default', input: { description: 'another' } },
    modifyDomain: { ...absent, input: {} },
    createProject: { domain: tenant.domain, name: `${tenant.domain}-project`, input: {} },
    modifyProject: { id, input: {} },
    addProjectMember: { id, userId: id, role: 'MEMBER' },
    removeProjectMember: { id, userId: id },
    createUser: { input: { email: 'admin@physics.test', password: 'a password' } },
    modifyUser: { id, input: {} },
    createKeypair: { input: { userId: id } },
    modifyKeypair: { accessKey: key, input: {} },
    rotateKeypair: { accessKey: key },
    deleteKeypair: { accessKey: key },
  };
  if (own[name] !== undefined) return { ...own[name] };
  if (/^(create)\w+ResourcePolicy$/.test(name)) return { name: 'default', input: differing(name) };
  if (/^(modify)\w+ResourcePolicy$/.test(name)) return { ...absent, input: {} };
  if (/(ResourcePolicy|Domain)$/.test(name) || name === 'domain' || name === 'resourceGroup')
    return absent;
  if (/(s|Policies|auditLog)$/.test(name)) return page;
  return { id };
}

/** A policy of the name `default` with other values is refused. */
function differing(name: string): object {
  return name.includes('Keypair') ? { maxConcurrentSessions: 99 } : { maxVfolderCount: 99 };
}

/** What the gateway said: forbidden or not, of whatever it said else. */
async function isForbidden(seat: Seat, name: keyof typeof documents): Promise<boolean> {
  const { body } = await calls.graphql(documents[name], variablesOf(name), {
    ...headersOf[seat],
  });
  const [error] = body.errors ?? [];
  const code = error?.extensions['code'];
  assert.is.not(code, 'QUERY_INVALID', `${name}: ${error?.message}`);
  assert.is.not(code, 'INTERNAL', `${name}: ${error?.message}`);
  return code === 'FORBIDDEN' || code === 'UNAUTHENTICATED';
}

/** Their reach without a thing to reach is a matter of the tenants' suite. */
const fields = (Object.keys(operations) as Operation[]).filter((name) =>
  /^(Query|Mutation)\./.test(name),
);

const roles = suite('roles: the table, asked of a running gateway');

for (const seat of SEATS)
  roles(`${seat} may do what the table says, and nothing else`, async () => {
    const wrong: string[] = [];
    for (const operation of fields) {
      const rule: Rule = operations[operation];
      const [, name = ''] = operation.split('.');
      const forbidden = await isForbidden(seat, name as keyof typeof documents);
      if (forbidden !== (rule[seat] === 'none')) wrong.push(`${operation}: ${rule[seat]}`);
    }
    assert.equal(wrong, []);
  });

roles('routes without a key of their own are open, others ask who is there', async () => {
  const statusOf = async (path: string, init: RequestInit): Promise<number> =>
    (await fetch(`${system.endpoint}${path}`, init)).status;
  for (const path of ['/healthz', '/readyz', '/metrics', '/graphiql'])
    assert.is(await statusOf(path, {}), 200, path);
  assert.is(await statusOf('/replay', {}), 401);
  assert.is(await statusOf('/auth/token', { method: 'POST' }), 401);
  for (const seat of SEATS.filter((one) => one !== 'anonymous'))
    assert.is(
      await statusOf('/auth/token', { method: 'POST', headers: { ...headersOf[seat] } }),
      200,
    );
});

roles.after(async () => {
  await system[Symbol.asyncDispose]();
});
roles.run();
