import {
  type NodeCommand,
  SCHEDULER_ID,
  type SchedulerCommand,
  type SessionEvent,
  type SessionRequest,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refusedByKeypair } from '../../../gateway/graphql/sessions/front-limits.ts';
import { administrator, startGateway } from './gateway-fixture.ts';
import { create, otherUser } from './session-calls.ts';

const fixture = await startGateway();
const { graphql, bus, gateway } = fixture;
const headers = await otherUser(fixture);
const OTHER = '0190b0c8-0000-7000-8000-000000000777';

const SET = `mutation ($input: SetResourceGroupInput!) { setResourceGroup(input: $input) {
  resourceGroup { name description isPublic scheduler agentSelectionStrategy pendingTimeoutSeconds weights
    allowedSessionTypes preemption { isEnabled order } access { domains } setAt }
  rejection { code field message details }
} }`;
const REMOVE = `mutation ($name: String!) { removeResourceGroup(name: $name) {
  resourceGroup { name } rejection { code field message details }
} }`;
const SET_LIMITS = `mutation ($input: SetLimitsInput!) { setLimits(input: $input) {
  limits { scope key totalResourceSlots maxConcurrentSessions remainingSlots usedSlots setAt }
  rejection { code field message }
} }`;

interface Payload {
  readonly resourceGroup?: Readonly<Record<string, unknown>> | null;
  readonly limits?: Readonly<Record<string, unknown>> | null;
  readonly rejection: {
    readonly code: string;
    readonly field: string;
    readonly message: string;
    readonly details?: unknown;
  } | null;
}

async function send(query: string, variables: object): Promise<Payload> {
  const { body } = await graphql(query, variables);
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  return Object.values(body.data ?? {})[0] as Payload;
}

const set = (input: object): Promise<Payload> => send(SET, { input });
const setLimits = (input: object): Promise<Payload> => send(SET_LIMITS, { input });

async function names(as?: Record<string, string>): Promise<readonly string[]> {
  const { body } = await graphql('{ resourceGroups { name } }', {}, as);
  const groups = body.data?.['resourceGroups'] as readonly { readonly name: string }[];
  return groups.map(({ name }) => name);
}

interface Checked {
  readonly presets: readonly {
    readonly preset: { readonly name: string };
    readonly isAllocatable: boolean;
    readonly obstacle: string | null;
  }[];
}

const groups = suite('gateway: resource groups');

groups('there is always the default one, with the default options', async () => {
  const { body } = await graphql(
    '{ resourceGroup(name: "default") { isDefault isPublic scheduler setAt agents availableSlots } }',
  );
  assert.equal(body.data?.['resourceGroup'], {
    isDefault: true,
    isPublic: true,
    scheduler: 'FIFO',
    setAt: null,
    agents: 1,
    availableSlots: { cpu: '8', mem: String(8 * 1024 ** 3) },
  });
});

groups('what is set stays as it is when something else is set', async () => {
  const first = await set({
    name: 'gpu',
    description: 'for training',
    scheduler: 'FAIR_SHARE',
    pendingTimeoutSeconds: 1.5,
    preemption: { isEnabled: true },
  });
  assert.is(first.rejection, null, first.rejection?.message);
  const second = await set({ name: 'gpu', agentSelectionStrategy: 'CONCENTRATED' });
  const { setAt, ...group } = second.resourceGroup ?? {};
  assert.type(setAt, 'string');
  assert.equal(group, {
    name: 'gpu',
    description: 'for training',
    isPublic: true,
    scheduler: 'FAIR_SHARE',
    agentSelectionStrategy: 'CONCENTRATED',
    pendingTimeoutSeconds: 1.5,
    weights: null,
    allowedSessionTypes: ['INTERACTIVE', 'BATCH', 'INFERENCE'],
    preemption: { isEnabled: true, order: 'OLDEST' },
    access: null,
  });
});

groups('the default one is the one that is marked, and its name is found again', async () => {
  const query = '{ resourceGroups { name isDefault } }';
  const defaults = async (): Promise<readonly string[]> => {
    const { body } = await graphql(query);
    const all = body.data?.['resourceGroups'] as readonly { name: string; isDefault: boolean }[];
    return all.filter(({ isDefault }) => isDefault).map(({ name }) => name);
  };
  assert.equal(await defaults(), ['default']);
  assert.is((await set({ name: 'cpu', isDefault: true })).rejection, null);
  assert.equal(await defaults(), ['cpu']);
  const refused = await send(REMOVE, { name: 'cpu' });
  assert.equal(
    [refused.rejection?.code, refused.rejection?.field],
    ['resource-group-default', 'name'],
  );
  assert.is((await set({ name: 'cpu', isDefault: false })).rejection, null);
  assert.equal(await defaults(), ['default']);
  assert.is((await send(REMOVE, { name: 'cpu' })).rejection, null);
});

groups('a session that says nothing has what its group says, and what it says itself', async () => {
  await set({
    name: 'quiet',
    isDefault: true,
    defaultSessionOptions: {
      priority: 3,
      jobPriority: -1,
      isPreemptible: false,
      clusterMode: 'MULTI_NODE',
      agentSelectionPolicy: 'PREFERRED',
      maxRetryCount: 2,
      allowFractionalResourceFragmentation: false,
    },
  });
  const asked = { type: 'INTERACTIVE', clusterSize: 2, designatedAgents: ['node-1'] };
  const plain = await requestOf(asked);
  assert.equal(
    [plain.resourceGroup, plain.priority, plain.jobPriority, plain.isPreemptible],
    ['quiet', 3, -1, false],
  );
  assert.is(plain.clusterMode, 'multi-node');
  assert.is(plain.designated?.policy, 'preferred');
  assert.equal([plain.attemptsMax, plain.isFragmentable], [2, false]);
  const own = await requestOf({
    ...asked,
    ...{ priority: 4, jobPriority: 2, isPreemptible: true, clusterMode: 'SINGLE_NODE' },
    isDesignationStrict: true,
    ...{ maxRetryCount: 0, allowFractionalResourceFragmentation: true },
  });
  assert.equal([own.attemptsMax, own.isFragmentable], [0, true]);
  assert.equal([own.priority, own.jobPriority, own.isPreemptible], [4, 2, true]);
  assert.is(own.clusterMode, 'single-node');
  assert.is(own.designated?.policy, 'strict');
  const elsewhere = await requestOf({ ...asked, resourceGroup: 'default' });
  assert.equal([elsewhere.resourceGroup, elsewhere.priority], ['default', 10]);
  assert.is(elsewhere.designated?.policy, 'strict');
  await set({ name: 'quiet', isDefault: false });
  assert.is((await requestOf(asked)).resourceGroup, 'default');
});

/** What the session that is made of the input asks for, from the log. */
async function requestOf(input: object): Promise<SessionRequest> {
  const query = `mutation ($input: CreateSessionInput!) { createSession(input: $input) {
    session { id } rejection { code field message } } }`;
  const { body } = await graphql(query, { input });
  const payload = body.data?.['createSession'] as { session: { id: string } | null };
  assert.ok(payload.session, JSON.stringify(body));
  for await (const { events } of bus.log.read('session', payload.session?.id ?? '')) {
    const [first] = events;
    if (first?.type === 'session-enqueued') return (first as unknown as Enqueued).request;
  }
  throw new Error('it was not enqueued');
}

type Enqueued = Extract<SessionEvent, { readonly type: 'session-enqueued' }>;

groups('options that make no sense are refused with the field of the input', async () => {
  const access = { domains: ['default'] };
  for (const [parts, field] of [
    [{ isDefault: true, isActive: false }, 'isDefault'],
    [{ isDefault: true, isPublic: false, access }, 'isDefault'],
    [{ maxContainersPerAgent: -1 }, 'maxContainersPerAgent'],
    [{ maxContainersPerAgent: 1_000_000 }, 'maxContainersPerAgent'],
    [{ defaultSessionOptions: { priority: 101 } }, 'defaultSessionOptions.priority'],
    [{ defaultSessionOptions: { jobPriority: 5000 } }, 'defaultSessionOptions.jobPriority'],
    [{ defaultSessionOptions: { maxRetryCount: -1 } }, 'defaultSessionOptions.maxRetryCount'],
  ] as const) {
    const { rejection } = await set({ name: 'odd', ...parts });
    assert.equal([rejection?.code, rejection?.field], ['resource-group-invalid', field]);
  }
});

groups('the containers of an agent are limited, and no more by 0', async () => {
  const query = `mutation ($input: SetResourceGroupInput!) { setResourceGroup(input: $input) {
    resourceGroup { maxContainersPerAgent defaultSessionOptions { priority clusterMode } } rejection { code } } }`;
  const limited = await send(query, { input: { name: 'full', maxContainersPerAgent: 3 } });
  const defaultSessionOptions = { priority: 10, clusterMode: 'SINGLE_NODE' };
  assert.equal(limited.resourceGroup, { maxContainersPerAgent: 3, defaultSessionOptions });
  const free = await send(query, { input: { name: 'full', maxContainersPerAgent: 0 } });
  assert.is(free.resourceGroup?.['maxContainersPerAgent'], null);
});

groups('weights of one kind stay as they are when those of another are set', async () => {
  const shares = `mutation ($input: SetResourceGroupInput!) { setResourceGroup(input: $input) {
    resourceGroup { fairShare { halfLifeDays lookbackDays userWeights projectWeights } }
    rejection { code field message }
  } }`;
  const name = 'fair';
  await send(shares, { input: { name, fairShare: { halfLifeDays: 2, userWeights: { ann: 3 } } } });
  const second = { name, fairShare: { projectWeights: { lab: 2 } } };
  const { resourceGroup } = await send(shares, { input: second });
  assert.equal(resourceGroup?.['fairShare'], {
    halfLifeDays: 2,
    lookbackDays: 28,
    userWeights: { ann: 3 },
    projectWeights: { lab: 2 },
  });
});

groups('the same set twice writes one event', async () => {
  await set({ name: 'twice', scheduler: 'LIFO' });
  const before = await bus.log.lastSequence();
  await set({ name: 'twice', scheduler: 'LIFO' });
  assert.is(await bus.log.lastSequence(), before);
});

const wrong: readonly (readonly [object, string, string])[] = [
  [{ name: '' }, 'resource-group-invalid', 'name'],
  [{ name: 'x'.repeat(65) }, 'resource-group-invalid', 'name'],
  [{ name: 'gruppe-ä' }, 'resource-group-invalid', 'name'],
  [{ name: '../etc' }, 'resource-group-invalid', 'name'],
  [{ pendingTimeoutSeconds: -1 }, 'resource-group-invalid', 'pendingTimeoutSeconds'],
  [{ pendingTimeoutSeconds: 1e300 }, 'resource-group-invalid', 'pendingTimeoutSeconds'],
  [{ pendingTimeoutSeconds: 400 * 86_400 }, 'resource-group-invalid', 'pendingTimeoutSeconds'],
  [
    { preemption: { runtimeMinSeconds: -1 } },
    'resource-group-invalid',
    'preemption.runtimeMinSeconds',
  ],
  [{ allowedSessionTypes: [] }, 'resource-group-invalid', 'allowedSessionTypes'],
  [{ allowedSessionTypes: ['BATCH', 'BATCH'] }, 'resource-group-invalid', 'allowedSessionTypes'],
  [{ weights: { 'tpu.device': 1 } }, 'slot-unknown', 'weights.tpu.device'],
  [{ weights: { cpu: -1 } }, 'resource-group-invalid', 'weights'],
  [{ weights: 'heavy' }, 'resource-group-invalid', 'weights'],
  [{ weights: { cpu: 1e9 } }, 'resource-group-invalid', 'weights.cpu'],
  [{ agentSelectionStrategy: 'WEIGHTED' }, 'resource-group-invalid', 'weights'],
  [{ access: {} }, 'resource-group-invalid', 'access'],
  [{ access: { domains: ['a b'] } }, 'resource-group-invalid', 'access.domains'],
  [{ isPublic: false }, 'resource-group-invalid', 'isPublic'],
  [{ isPublic: true, access: { domains: ['a'] } }, 'resource-group-invalid', 'access'],
  [{ fairShare: { halfLifeDays: 0 } }, 'resource-group-invalid', 'fairShare.halfLifeDays'],
  [{ fairShare: { lookbackDays: 999 } }, 'resource-group-invalid', 'fairShare.lookbackDays'],
  [{ fairShare: { userWeights: { a: -1 } } }, 'resource-group-invalid', 'fairShare.userWeights.a'],
  [{ fairShare: { userWeights: { a: 1e9 } } }, 'resource-group-invalid', 'fairShare.userWeights.a'],
  [{ description: 'd'.repeat(513) }, 'resource-group-invalid', 'description'],
];
for (const [parts, code, field] of wrong) {
  const shown = JSON.stringify(parts).slice(0, 60);
  groups(`${shown} is refused with ${code} of ${field}, and nothing is written`, async () => {
    const before = await bus.log.lastSequence();
    const { rejection } = await set({ name: 'wrong', ...parts });
    assert.equal([rejection?.code, rejection?.field], [code, field]);
    assert.is(await bus.log.lastSequence(), before);
  });
}

for (const input of [
  { scheduler: 'RANDOM' },
  { agentSelectionStrategy: 'BEST' },
  { allowedSessionTypes: ['NIGHTLY'] },
  { pendingTimeoutSeconds: 'long' },
]) {
  groups(`${JSON.stringify(input)} is no value that there is`, async () => {
    const { status, body } = await graphql(SET, { input: { name: 'wrong', ...input } });
    assert.is(status, 400);
    assert.match(body.errors?.[0]?.message ?? '', Object.keys(input)[0] ?? '');
  });
}

groups('a user sees those that they may use, without who else may', async () => {
  await set({ name: 'mine', access: { domains: ['default'] } });
  await set({ name: 'theirs', access: { projects: ['another'] } });
  assert.ok((await names()).includes('theirs'));
  const seen = await names(headers);
  assert.ok(seen.includes('mine') && seen.includes('default') && !seen.includes('theirs'));
  const query = `{ mine: resourceGroup(name: "mine") { isPublic access { domains } }
    theirs: resourceGroup(name: "theirs") { name } }`;
  const { body } = await graphql(query, {}, headers);
  assert.equal(body.data, { mine: { isPublic: false, access: null }, theirs: null });
  const preset = `mutation ($input: CreateResourcePresetInput!) {
    createResourcePreset(input: $input) { rejection { code } } }`;
  const input = { name: 'secret', resourceGroup: 'theirs', slots: { cpu: '1', mem: '64m' } };
  await graphql(preset, { input });
  const presets = '{ resourcePresets { name } }';
  assert.equal((await graphql(presets)).body.data, { resourcePresets: [{ name: 'secret' }] });
  assert.equal((await graphql(presets, {}, headers)).body.data, { resourcePresets: [] });
  const check = '{ checkPresets(resourceGroup: "theirs") { isAllocatable: presets { obstacle } } }';
  const refused = await graphql(check, {}, headers);
  assert.is(refused.body.errors?.[0]?.extensions['field'], 'resourceGroup');
});

groups('are changed by superadmins only', async () => {
  const calls: readonly (readonly [string, object])[] = [
    [SET, { input: { name: 'default', scheduler: 'LIFO' } }],
    [REMOVE, { name: 'gpu' }],
    [SET_LIMITS, { input: { scope: 'USER', key: OTHER } }],
  ];
  for (const [query, variables] of calls)
    assert.is((await graphql(query, variables, headers)).status, 403);
});

groups('one is removed once, the default one and one that is not there never', async () => {
  assert.is((await send(REMOVE, { name: 'gpu' })).rejection, null);
  assert.not.ok((await names()).includes('gpu'));
  const unknown = (await send(REMOVE, { name: 'gpu' })).rejection;
  assert.equal([unknown?.code, unknown?.field], ['resource-group-unknown', 'name']);
  assert.is((await send(REMOVE, { name: 'default' })).rejection?.code, 'resource-group-default');
});

groups(
  'one in which sessions wait or to which agents belong is refused with their count',
  async () => {
    await set({ name: 'busy' });
    await create(fixture, {
      type: 'INTERACTIVE',
      cpu: '1',
      memory: '64m',
      image: 'simulated',
      resourceGroup: 'busy',
    });
    const waiting = await removedWhen('busy', { waitingSessions: 1, agents: 0 });
    assert.match(waiting?.message ?? '', '1 session(s) wait in it');
    await set({ name: 'manned' });
    await tell('node', 'node-b', {
      type: 'register',
      facts: {
        driver: 'simulated',
        architecture: 'x86_64',
        resourceGroup: 'manned',
        slots: { cpu: '1', mem: '1024' },
        version: '0.1.0',
      },
    });
    await removedWhen('manned', { waitingSessions: 0, agents: 1 });
  },
);

/** The refusal, once the scheduler knows of what is there: sessions come to it by a message. */
async function removedWhen(name: string, details: object): Promise<Payload['rejection']> {
  const command: SchedulerCommand = { type: 'remove-group', group: 'nobody' };
  const { outcome } = await gateway.commands.request({
    aggregate: 'scheduler',
    aggregateId: SCHEDULER_ID,
    actor: { kind: 'system', id: 'test' },
    traceparent: undefined,
    command,
  });
  assert.ok(outcome.ok);
  const { rejection } = await send(REMOVE, { name });
  assert.equal([rejection?.code, rejection?.details], ['resource-group-in-use', details]);
  return rejection;
}

async function tell(aggregate: 'node', aggregateId: string, command: NodeCommand): Promise<void> {
  const { outcome } = await gateway.commands.request({
    aggregate,
    aggregateId,
    actor: { kind: 'system', id: 'test' },
    traceparent: undefined,
    command,
  });
  assert.ok(outcome.ok);
  await gateway.progress.reached(outcome.ok ? outcome.sequence : 0, AbortSignal.timeout(5_000));
}

groups.run();

const limits = suite('gateway: limits');

limits('are set whole, with Infinity for none, and taken away by setting none', async () => {
  const input = { scope: 'USER', key: OTHER };
  const { limits: given, rejection } = await setLimits({
    ...input,
    totalResourceSlots: { mem: '1.5g', cpu: '4' },
  });
  assert.is(rejection, null, rejection?.message);
  const { setAt, ...shown } = given ?? {};
  assert.type(setAt, 'string');
  assert.equal(shown, {
    ...input,
    totalResourceSlots: { cpu: '4', mem: '1610612736' },
    maxConcurrentSessions: null,
    usedSlots: {},
    remainingSlots: { cpu: '4', mem: '1610612736' },
  });
  const infinite = await setLimits({ ...input, totalResourceSlots: { cpu: 'Infinity' } });
  assert.is(infinite.limits?.['totalResourceSlots'], null);
  assert.is(infinite.limits?.['setAt'], null);
});

const keypair = { scope: 'KEYPAIR', key: administrator.accessKey };
const wrongLimits: readonly (readonly [object, string, string])[] = [
  [{ totalResourceSlots: { cpu: '-1' } }, 'limits-invalid', 'totalResourceSlots.cpu'],
  [{ totalResourceSlots: { cpu: 'infinite' } }, 'limits-invalid', 'totalResourceSlots.cpu'],
  [{ totalResourceSlots: { cpu: '1.2345' } }, 'limits-invalid', 'totalResourceSlots.cpu'],
  [{ totalResourceSlots: { cpu: '9'.repeat(18) } }, 'limits-invalid', 'totalResourceSlots.cpu'],
  [{ totalResourceSlots: { mem: '64e' } }, 'limits-invalid', 'totalResourceSlots.mem'],
  [{ totalResourceSlots: { mem: 'much' } }, 'limits-invalid', 'totalResourceSlots.mem'],
  [{ totalResourceSlots: { cpu: 1 } }, 'resources-invalid', 'totalResourceSlots.cpu'],
  [{ totalResourceSlots: { 'tpu.device': '1' } }, 'slot-unknown', 'totalResourceSlots.tpu.device'],
  [{ totalResourceSlots: ['cpu'] }, 'resources-invalid', 'totalResourceSlots'],
  [{ maxPendingSessionCount: 0 }, 'limits-invalid', 'maxPendingSessionCount'],
  [{ maxConcurrentSessions: 2_000_000 }, 'limits-invalid', 'maxConcurrentSessions'],
  [{ maxContainersPerSession: 0 }, 'input-invalid', 'maxContainersPerSession'],
  [{ maxPriority: 101 }, 'input-invalid', 'maxPriority'],
  [{ maxSessionLifetimeSeconds: -1 }, 'input-invalid', 'maxSessionLifetimeSeconds'],
  [{ maxSessionLifetimeSeconds: 4e7 }, 'limits-invalid', 'maxSessionLifetimeSeconds'],
  [{ maxSessionLifetimeSeconds: 1e300 }, 'limits-invalid', 'maxSessionLifetimeSeconds'],
  [{ scope: 'USER', key: OTHER, maxPriority: 5 }, 'limits-invalid', 'maxPriority'],
  [{ maxConcurrentSessions: -1 }, 'input-invalid', 'maxConcurrentSessions'],
  [{ key: 'AKIA0000000000000000', maxConcurrentSessions: 1 }, 'owner-unknown', 'key'],
  [{ key: '', maxConcurrentSessions: 1 }, 'owner-unknown', 'key'],
  [{ scope: 'DOMAIN', key: 'default', maxPriority: 1 }, 'limits-invalid', 'maxPriority'],
  [
    { scope: 'DOMAIN', key: 'default', maxPendingSessionCount: 0 },
    'limits-invalid',
    'maxPendingSessionCount',
  ],
  [{ scope: 'DOMAIN', key: 'groß', totalResourceSlots: { cpu: '1' } }, 'limits-invalid', 'key'],
];
for (const [parts, code, field] of wrongLimits) {
  limits(`${JSON.stringify(parts).slice(0, 70)} is refused with ${code} of ${field}`, async () => {
    const before = await bus.log.lastSequence();
    const { rejection } = await setLimits({ ...keypair, ...parts });
    assert.equal([rejection?.code, rejection?.field], [code, field]);
    assert.is(await bus.log.lastSequence(), before);
  });
}

limits(
  'what waiting would not mend is refused at the door, for what is there and what comes',
  async () => {
    const most = {
      ...{ maxContainersPerSession: 2, maxPriority: 20, maxSessionLifetimeSeconds: 1.5 },
      defaultForUnspecified: 'LIMITED',
      totalResourceSlots: { cpu: '8', mem: '8g' },
    };
    await setLimits({ ...keypair, ...most });
    const query = `{ limits(scope: KEYPAIR, key: "${keypair.key}") { defaultForUnspecified
    maxContainersPerSession maxPriority maxSessionLifetimeSeconds } }`;
    const { totalResourceSlots: _, ...shown } = most;
    // The administrator's own key pair; a token stands for the user alone.
    assert.equal((await graphql(query)).body.data, { limits: shown });
    const asked = { accessKey: keypair.key, kernels: 1, priority: 10 };
    const code = async (parts: object) =>
      (await refusedByKeypair(gateway, { ...asked, ...parts }))?.code;
    assert.is(await code({}), undefined);
    assert.is(await code({ kernels: 2, priority: 20 }), undefined);
    assert.is(await code({ kernels: 3 }), 'container-limit');
    assert.is(await code({ priority: 21 }), 'priority-limit');
    await setLimits(keypair);
    assert.is(await code({ kernels: 3, priority: 100 }), undefined);
  },
);

limits('a user reads their own and no others', async () => {
  const query =
    'query ($scope: LimitScope!, $key: String!) { limits(scope: $scope, key: $key) { key } }';
  const read = async (scope: string, key: string) =>
    (await graphql(query, { scope, key }, headers)).status;
  assert.is(await read('USER', OTHER), 200);
  assert.is(await read('DOMAIN', 'default'), 200);
  assert.is(await read('PROJECT', 'another'), 403);
  assert.is(await read('KEYPAIR', administrator.accessKey), 403);
  assert.is(await read('KEYPAIR', 'AKIA0000000000000000'), 403);
  const { body } = await graphql(query, { scope: 'USER', key: 'nobody' });
  assert.is(body.errors?.[0]?.extensions['field'], 'key');
});

limits('say with the room of the group which presets could start now', async () => {
  const preset = `mutation ($input: CreateResourcePresetInput!) {
    createResourcePreset(input: $input) { rejection { code } } }`;
  for (const [name, cpu] of [
    ['small', '1'],
    ['middle', '6'],
    ['large', '60'],
  ])
    await graphql(preset, { input: { name, slots: { cpu, mem: '64m' } } });
  const elsewhere = { name: 'elsewhere', resourceGroup: 'manned', slots: { cpu: '1', mem: '64m' } };
  await graphql(preset, { input: elsewhere });
  const check = async () => {
    const { body } = await graphql(
      '{ checkPresets { presets { preset { name } isAllocatable obstacle } limits { scope } } }',
      {},
      headers,
    );
    const checked = body.data?.['checkPresets'] as Checked;
    return checked.presets.map(
      ({ preset: { name }, isAllocatable, obstacle }) => `${name} ${isAllocatable} ${obstacle}`,
    );
  };
  const tooLarge = 'large false not-enough-slots';
  assert.equal(await check(), ['small true null', 'middle true null', tooLarge]);
  await setLimits({ scope: 'USER', key: OTHER, totalResourceSlots: { cpu: '2' } });
  assert.equal(await check(), [
    'small true null',
    'middle false user-resource-limit',
    'large false user-resource-limit',
  ]);
  // Nothing is left of the memory, which is not named.
  const only = { totalResourceSlots: { cpu: '2' }, defaultForUnspecified: 'LIMITED' };
  await setLimits({ scope: 'USER', key: OTHER, ...only });
  assert.is((await check())[0], 'small false user-resource-limit');
});

limits.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
limits.run();
