import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerOf, makeProject, makeUser, PASSWORD } from './directory-calls.ts';
import { type GatewayFixture, startGateway } from './gateway-fixture.ts';

let fixture: GatewayFixture;

type Payload = Readonly<Record<string, unknown>> & {
  readonly rejection: { readonly code: string; readonly field: string | null } | null;
};
const call = <Answer = Payload>(
  query: string,
  variables: object = {},
  headers?: Readonly<Record<string, string>>,
) => answerOf<Answer>(fixture, query, variables, headers);

const WITHIN_MS = 10_000;

/** What other actors are told is read a moment after the answer: asks until it is so. */
async function eventually<Value>(ask: () => Promise<Value>, expected: Value): Promise<void> {
  const until = systemClock.nowMs() + WITHIN_MS;
  for (;;) {
    const value = await ask();
    if (JSON.stringify(value) === JSON.stringify(expected)) return;
    if (systemClock.nowMs() > until) assert.equal(value, expected);
    await systemClock.sleep(10);
  }
}

const directory = suite('gateway: the directory');
directory.before(async () => {
  fixture = await startGateway();
});
directory.after(async () => {
  await fixture[Symbol.asyncDispose]();
});

directory(
  'a cluster begins with a domain, a project and the policies of the reference',
  async () => {
    const { body } = await fixture.graphql(`{
    domain { name isActive totalResourceSlots }
    project(id: "default") { name domain type resourcePolicy }
    keypairResourcePolicy { maxConcurrentSessions idleTimeout defaultForUnspecified maxPriority }
    userResourcePolicy { maxVfolderCount maxQuotaScopeSize maxCustomizedImageCount }
    projectResourcePolicy { maxVfolderCount maxQuotaScopeSize maxNetworkCount }
  }`);
    assert.equal(body.data, {
      domain: { name: 'default', isActive: true, totalResourceSlots: {} },
      project: { name: 'default', domain: 'default', type: 'GENERAL', resourcePolicy: 'default' },
      keypairResourcePolicy: {
        maxConcurrentSessions: 5,
        idleTimeout: 3600,
        defaultForUnspecified: 'UNLIMITED',
        maxPriority: null,
      },
      userResourcePolicy: { maxVfolderCount: 0, maxQuotaScopeSize: -1, maxCustomizedImageCount: 3 },
      projectResourcePolicy: { maxVfolderCount: 0, maxQuotaScopeSize: -1, maxNetworkCount: 0 },
    });
  },
);

directory(
  'a new user signs in, has a key pair of its own and is limited by its policy',
  async () => {
    const project = await makeProject(fixture, 'physics', 'optics');
    const user = await makeUser(fixture, {
      email: 'Ada@example.test',
      domain: 'physics',
      projects: [{ projectId: project }],
    });
    assert.match(user.accessKey, /^AKIA[A-Z2-7]{16}$/);
    assert.match(user.secretKey, /^[A-Za-z0-9_-]{40}$/);
    const me = await fixture.graphql(
      '{ user { email username domain role status projects { projectId role } mainAccessKey } }',
      {},
      { ...user.headers },
    );
    assert.equal(me.body.data?.['user'], {
      email: 'Ada@example.test',
      username: 'Ada@example.test',
      domain: 'physics',
      role: 'USER',
      status: 'ACTIVE',
      projects: [{ projectId: project, role: 'MEMBER' }],
      mainAccessKey: user.accessKey,
    });
    const query =
      'query ($key: String!) { limits(scope: KEYPAIR, key: $key) { maxConcurrentSessions } }';
    const limits = () => call<object>(query, { key: user.accessKey }, user.headers);
    await eventually(limits, { maxConcurrentSessions: 5 });
  },
);

directory('an address, a user name and a project name are given once', async () => {
  await makeUser(fixture, { email: 'bob@example.test', username: 'bob' });
  const create =
    'mutation ($input: CreateUserInput!) { createUser(input: $input) { rejection { code field } } }';
  const codeOf = async (input: object): Promise<unknown> =>
    (await call(create, { input: { password: PASSWORD, ...input } })).rejection;
  assert.equal(await codeOf({ email: 'BOB@example.test' }), {
    code: 'user-exists',
    field: 'email',
  });
  assert.equal(await codeOf({ email: 'b2@example.test', username: 'Bob' }), {
    code: 'username-taken',
    field: 'username',
  });
  assert.equal(await codeOf({ email: 'b3@example.test', domain: 'nowhere' }), {
    code: 'domain-unknown',
    field: 'domain',
  });
  assert.equal(await codeOf({ email: 'b4@example.test', projects: [{ projectId: 'none' }] }), {
    code: 'project-unknown',
    field: 'projects',
  });
  assert.equal(await codeOf({ email: 'b5@example.test', keypairResourcePolicy: 'none' }), {
    code: 'policy-unknown',
    field: 'keypairResourcePolicy',
  });
  const twice = await call(
    'mutation { createProject(domain: "default", name: "default") { rejection { code field } } }',
  );
  assert.equal(twice.rejection, { code: 'project-exists', field: 'name' });
});

directory('who is deleted signs in no more; who is purged leaves the address free', async () => {
  const user = await makeUser(fixture, { email: 'carol@example.test' });
  const change = (name: string) =>
    call(`mutation ($id: ID!) { ${name}(id: $id) { user { status } rejection { code field } } }`, {
      id: user.id,
    });
  const deleted = await change('deleteUser');
  assert.equal(deleted['user'], { status: 'DELETED' });
  const { body } = await fixture.graphql('{ viewer { id } }', {}, { ...user.headers });
  assert.is(body.errors?.[0]?.extensions['code'], 'UNAUTHENTICATED');
  assert.is((await change('purgeUser')).rejection, null);
  const gone = await call('query ($id: ID) { user(id: $id) { id } }', { id: user.id });
  assert.is(gone, null);
  const again = await makeUser(fixture, { email: 'carol@example.test' });
  assert.is.not(again.id, user.id);
});

directory('nobody deletes themselves', async () => {
  const { user } = (await fixture.graphql('{ user { id } }')).body.data as {
    user: { id: string };
  };
  const { rejection } = await call(
    'mutation ($id: ID!) { deleteUser(id: $id) { rejection { code field } } }',
    { id: user.id },
  );
  assert.equal(rejection, { code: 'user-is-yourself', field: 'id' });
});

directory('a changed password counts at once', async () => {
  const user = await makeUser(fixture, { email: 'dora@example.test' });
  await call(
    'mutation ($id: ID!, $input: ModifyUserInput!) { modifyUser(id: $id, input: $input) { rejection { code } } }',
    { id: user.id, input: { password: 'another long password', fullName: 'Dora' } },
  );
  const signIn = `mutation ($password: String!) {
    signIn(email: "dora@example.test", password: $password) { token rejection { code } }
  }`;
  const old = await call(signIn, { password: PASSWORD }, {});
  assert.is(old.rejection?.code, 'credentials-wrong');
  assert.type((await call(signIn, { password: 'another long password' }, {}))['token'], 'string');
});

directory.run();

const keys = suite('gateway: key pairs');
keys.before(async () => {
  fixture = await startGateway();
});
keys.after(async () => {
  await fixture[Symbol.asyncDispose]();
});

keys('a user has several, of which the main one is not deleted', async () => {
  const user = await makeUser(fixture, { email: 'eve@example.test' });
  const made = await call(
    'mutation ($input: CreateKeypairInput!) { createKeypair(input: $input) { keypair { accessKey userId resourcePolicy rateLimit } secretKey rejection { code } } }',
    { input: { userId: user.id, rateLimit: 50 } },
  );
  const { accessKey, ...settings } = made['keypair'] as Readonly<Record<string, string>>;
  assert.equal(settings, { userId: user.id, resourcePolicy: 'default', rateLimit: 50 });
  const list = await call('{ keypairs { totalCount } }', {}, user.headers);
  assert.equal(list['totalCount'], 2);
  const remove =
    'mutation ($accessKey: ID!) { deleteKeypair(accessKey: $accessKey) { rejection { code } } }';
  const refused = await call(remove, { accessKey: user.accessKey });
  assert.is(refused.rejection?.code, 'keypair-is-main');
  assert.is((await call(remove, { accessKey })).rejection, null);
  const after = await call('{ keypairs { totalCount } }', {}, user.headers);
  assert.equal(after['totalCount'], 1);
});

keys('their user rotates one, and nobody else', async () => {
  const user = await makeUser(fixture, { email: 'fay@example.test' });
  const other = await makeUser(fixture, { email: 'gil@example.test' });
  const rotate =
    'mutation ($accessKey: ID!) { rotateKeypair(accessKey: $accessKey) { secretKey rejection { code } } }';
  const mine = await call(rotate, { accessKey: user.accessKey }, user.headers);
  assert.match(String(mine['secretKey']), /^[A-Za-z0-9_-]{40}$/);
  assert.is.not(mine['secretKey'], user.secretKey);
  const theirs = await call(rotate, { accessKey: user.accessKey }, other.headers);
  const absent = await call(rotate, { accessKey: 'AKIAABSENTABSENTABSE' }, other.headers);
  assert.is(theirs.rejection?.code, 'keypair-unknown');
  assert.equal(theirs, absent);
});

keys('a policy counts for its key pairs at once, and is not deleted while it does', async () => {
  const make = `mutation { createKeypairResourcePolicy(name: "big", input: {
    maxConcurrentSessions: 50, totalResourceSlots: { cpu: "8", mem: "2g" }
  }) { resourcePolicy { totalResourceSlots maxConcurrentSessions } rejection { code field } } }`;
  const { resourcePolicy } = await call(make);
  assert.equal(resourcePolicy, {
    totalResourceSlots: { cpu: '8', mem: '2147483648' },
    maxConcurrentSessions: 50,
  });
  const user = await makeUser(fixture, { email: 'hal@example.test', keypairResourcePolicy: 'big' });
  const remove =
    'mutation { deleteKeypairResourcePolicy(name: "big") { rejection { code field } } }';
  const query =
    'query ($key: String!) { limits(scope: KEYPAIR, key: $key) { maxConcurrentSessions totalResourceSlots } }';
  const limits = () => call<object>(query, { key: user.accessKey });
  const totalResourceSlots = { cpu: '8', mem: '2147483648' };
  await eventually(limits, { maxConcurrentSessions: 50, totalResourceSlots });
  assert.is((await call(remove)).rejection?.code, 'policy-in-use');
  await call(
    'mutation { modifyKeypairResourcePolicy(name: "big", input: { maxConcurrentSessions: 7 }) { rejection { code } } }',
  );
  await eventually(limits, { maxConcurrentSessions: 7, totalResourceSlots });
});

keys('who is an administrator no more loses what their keys may', async () => {
  const user = await makeUser(fixture, { email: 'ida@example.test', role: 'ADMIN' });
  const query = 'query ($accessKey: ID) { keypair(accessKey: $accessKey) { isAdmin } }';
  const shown = () => call<object>(query, { accessKey: user.accessKey });
  await eventually(shown, { isAdmin: true });
  await call(
    'mutation ($id: ID!) { modifyUser(id: $id, input: { role: USER }) { rejection { code } } }',
    { id: user.id },
  );
  await eventually(shown, { isAdmin: false });
});

keys.run();
