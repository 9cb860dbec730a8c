import { UserRole } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Caller,
  may,
  type Operation,
  operations,
  reachOf,
} from '../../../gateway/auth/may.ts';
import { createResolvers } from '../../../gateway/graphql/resolvers.ts';
import { createSchema } from '../../../gateway/graphql/schema.ts';
import { startGateway } from './gateway-fixture.ts';

const ROLES = UserRole.options;

function callerWith(role: UserRole, userId = 'me'): Caller {
  return {
    kind: 'user',
    userId,
    email: 'me@example.test',
    role,
    domain: 'default',
    projectId: 'default',
    projects: [{ projectId: 'default', role: 'member' }],
    accessKey: undefined,
  };
}

const mine = { ownerUserId: 'me', domain: 'default', projectId: 'default' };
const theirs = { ...mine, ownerUserId: 'you' };

const table = suite('may: the table of operations');

table('has an entry for every field and every route, and no other', async () => {
  const schema = createSchema(createResolvers());
  const fields = [
    schema.getQueryType(),
    schema.getMutationType(),
    schema.getSubscriptionType(),
  ].flatMap((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`),
  );
  await using fixture = await startGateway();
  assert.equal(Object.keys(operations).toSorted(), [...fields, ...fixture.operations].toSorted());
});

table('lets nobody unknown do more than sign in and look at the state', () => {
  const open = Object.keys(operations).filter((name) =>
    may({ kind: 'anonymous' }, name as Operation),
  );
  // Those of apps let nobody in but who brings the cookie of that app, or the token for it.
  const apps = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'].flatMap((method) => [
    `${method} /apps/:session/:app`,
    `${method} /apps/:session/:app/*`,
  ]);
  const others = open.filter((name) => !apps.includes(name));
  assert.equal(open.length, others.length + apps.length);
  assert.equal(others.toSorted(), [
    'GET /exec',
    'GET /graphiql',
    'GET /graphiql/:file',
    'GET /graphql',
    'GET /healthz',
    'GET /metrics',
    'GET /port',
    'GET /readyz',
    'GET /terminal',
    'Mutation.signIn',
    'POST /graphql',
    'WS /exec',
    'WS /port',
    'WS /terminal',
  ]);
});

table('lets a superadmin do everything', () => {
  for (const name of Object.keys(operations) as Operation[])
    assert.ok(may(callerWith('superadmin'), name, theirs), name);
});

table.run();

const owner = suite('may: the rule of the owner');

owner('what is theirs is not mine, whatever I want to do to it', () => {
  for (const name of Object.keys(operations) as Operation[]) {
    if (reachOf(callerWith('user'), name) !== 'own') continue;
    assert.ok(may(callerWith('user'), name, mine), name);
    assert.not.ok(may(callerWith('user'), name, theirs), name);
  }
});

owner('a monitor sees everything and changes nothing', () => {
  const monitor = callerWith('monitor');
  for (const name of Object.keys(operations) as Operation[]) {
    if (name.startsWith('Query.')) assert.ok(may(monitor, name, theirs), name);
  }
  const allowed = Object.keys(operations).filter(
    (name) => name.startsWith('Mutation.') && may(monitor, name as Operation),
  );
  // Of their own, how they sign in; of everything else nothing.
  assert.equal(allowed.toSorted(), [
    'Mutation.confirmTotp',
    'Mutation.enrolTotp',
    'Mutation.removeTotp',
    'Mutation.signIn',
    'Mutation.verifyProjections',
  ]);
});

owner('every role has a reach for every operation', () => {
  for (const name of Object.keys(operations) as Operation[])
    for (const role of ROLES)
      assert.ok(
        ['any', 'domain', 'project', 'own', 'none'].includes(reachOf(callerWith(role), name)),
      );
});

owner.run();
