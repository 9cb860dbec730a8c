import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type {
  OwnerLimits,
  ResourceGroup,
  ResourcePreset,
} from '../../../gateway/client/administration-model.ts';
import { FakeGateway, type Script } from '../client/fake-gateway.ts';
import { FakeState } from '../client/fake-state.ts';
import { orrery, type Printed, Profile } from './command-line.ts';

const AT = '2026-11-20T12:00:00.000Z';

const preset: ResourcePreset = {
  id: 'p1',
  name: 'small',
  resourceGroup: null,
  slots: { cpu: '1', mem: '1073741824' },
  sharedMemoryBytes: 67_108_864,
  createdAt: AT,
};

const group: ResourceGroup = {
  name: 'gpu',
  description: 'for training',
  isDefault: false,
  isPublic: false,
  isActive: true,
  usesHostNetwork: false,
  access: { domains: ['default'], projects: [], accessKeys: [] },
  scheduler: 'FAIR_SHARE',
  agentSelectionStrategy: 'MINIMUM_OCCUPIED',
  weights: null,
  allowedSessionTypes: ['BATCH'],
  pendingTimeoutSeconds: 60,
  reservation: 'FIRST_BLOCKED',
  maxContainersPerAgent: 20,
  defaultSessionOptions: {
    priority: 20,
    jobPriority: 1,
    isPreemptible: false,
    clusterMode: 'MULTI_NODE',
    agentSelectionPolicy: 'PREFERRED',
    maxRetryCount: 5,
    allowFractionalResourceFragmentation: true,
  },
  preemption: {
    isEnabled: true,
    order: 'NEWEST',
    mode: 'RESCHEDULE',
    runtimeMinSeconds: 30,
    victimScope: 'RESOURCE_GROUP',
  },
  fairShare: {
    halfLifeDays: 7,
    decayUnitDays: 1,
    lookbackDays: 28,
    defaultWeight: 1,
    resourceWeights: {},
    domainWeights: {},
    projectWeights: {},
    userWeights: { ann: 3 },
  },
  agents: 2,
  schedulableAgents: 1,
  pendingSessions: 7,
  availableSlots: { cpu: '8' },
  occupiedSlots: {},
  setAt: null,
};

const score = {
  count: 40,
  withinTwice: 0.85,
  withinRange: 0.7,
  errorP50Seconds: 60,
  errorP95Seconds: 600,
};

const limits: OwnerLimits = {
  scope: 'KEYPAIR',
  key: 'AKIA',
  totalResourceSlots: { cpu: '4' },
  maxConcurrentSessions: 3,
  maxConcurrentSftpSessions: null,
  maxPendingSessionCount: null,
  maxPendingSessionResourceSlots: null,
  defaultForUnspecified: 'LIMITED',
  maxContainersPerSession: 2,
  maxPriority: null,
  maxSessionLifetimeSeconds: 60,
  setByOwner: ['maxConcurrentSessions'],
  usedSlots: { cpu: '1' },
  remainingSlots: { cpu: '3' },
  sessions: 1,
  sftpSessions: 0,
  pendingSessions: 2,
  setAt: null,
};

async function call(operations: Script['operations'], ...argv: string[]): Promise<Printed> {
  await using gateway = await FakeGateway.start(new FakeState(), operations ? { operations } : {});
  await using profile = await Profile.write(gateway.endpoint);
  return await orrery(argv, { env: { ORRERY_PROFILE: profile.path }, clock: systemClock });
}

/** What the gateway was asked, as plain values without what was left out. */
async function asked(operation: string, payload: object, ...argv: string[]): Promise<unknown> {
  let seen: unknown;
  const operations = {
    [operation]: (given: Record<string, unknown>) => {
      seen = JSON.parse(JSON.stringify(given['input'] ?? given));
      return payload;
    },
  };
  const { exitCode, stderr } = await call(operations, ...argv);
  assert.is(exitCode, 0, stderr);
  return seen;
}

const groupAnswer = { resourceGroup: group, rejection: null };
const limitsAnswer = { limits, rejection: null };
const presetAnswer = { resourcePreset: preset, rejection: null };

const groups = suite('cli: resource groups');

groups('are listed and shown with every option, and whole as JSON', async () => {
  const found = { ...group, forecastScore: score };
  const read = { resourceGroups: () => [group], resourceGroup: () => found };
  const list = await call(read, 'admin', 'group', 'list');
  assert.match(list.stdout, /^gpu +fair-share +minimum-occupied +no +2 +7 +for training$/m);
  const { stdout } = await call(read, 'admin', 'group', 'show', 'gpu');
  for (const line of [
    /^Scheduler +fair-share$/m,
    /^Ends who waits +60 s$/m,
    /^Preemption +reschedule newest of the resource-group, after 30 s$/m,
    /^For +domain default$/m,
    /^Agents +2, 1 taking sessions$/m,
    /^Forecasts +of the last 40, 85 % came within twice of what was said, half of them within 1m/m,
    /^Containers +20 an agent$/m,
    /^Sessions have +priority 20, job priority 1, not preemptible, multi-node, named agents preferred, given up after 5 starts, shares in pieces$/m,
  ])
    assert.match(stdout, line);
  const json = await call(read, 'admin', 'group', 'show', 'gpu', '--json');
  assert.equal(JSON.parse(json.stdout), found);
  const young = { ...read, resourceGroup: () => ({ ...group, forecastScore: null }) };
  const none = await call(young, 'admin', 'group', 'show', 'gpu');
  assert.match(none.stdout, /^Forecasts +none has come out yet$/m);
});

groups('one that is not there ends with 3', async () => {
  const { exitCode, stderr } = await call(
    { resourceGroup: () => null },
    'admin',
    'group',
    'show',
    'gpu',
  );
  assert.is(exitCode, 3);
  assert.match(stderr, 'resource-group-not-found');
});

groups('set sends what was named and nothing else', async () => {
  const base = ['admin', 'group', 'set', 'gpu'];
  assert.equal(await asked('setResourceGroup', groupAnswer, ...base), { name: 'gpu' });
  const options = [
    ...['--scheduler', 'drf', '--strategy', 'round-robin', '--weight', 'cpu=1.5'],
    ...['--session-type', 'batch', '--session-type', 'system', '--pending-timeout', '1.5'],
    ...['--allow-domain', 'a', '--allow-domain', 'b', '--preemption', 'off', '--description', ''],
    ...['--preemption-scope', 'resource-group', '--reservation', 'first-blocked'],
    ...['--half-life', '3', '--user-weight', 'ann=2', '--user-weight', 'bob=1'],
    ...['--default', 'on', '--containers', '0', '--session-priority', '5'],
    ...['--session-job-priority', '-3', '--session-preemptible', 'off'],
    ...['--session-cluster-mode', 'multi-node', '--session-agents', 'preferred'],
    ...['--session-retries', '0', '--session-fragmentation', 'off'],
  ];
  assert.equal(await asked('setResourceGroup', groupAnswer, ...base, ...options), {
    name: 'gpu',
    description: '',
    scheduler: 'DRF',
    agentSelectionStrategy: 'ROUND_ROBIN',
    weights: { cpu: 1.5 },
    allowedSessionTypes: ['BATCH', 'SYSTEM'],
    pendingTimeoutSeconds: 1.5,
    reservation: 'FIRST_BLOCKED',
    isDefault: true,
    maxContainersPerAgent: 0,
    defaultSessionOptions: {
      priority: 5,
      jobPriority: -3,
      isPreemptible: false,
      clusterMode: 'MULTI_NODE',
      agentSelectionPolicy: 'PREFERRED',
      maxRetryCount: 0,
      allowFractionalResourceFragmentation: false,
    },
    access: { domains: ['a', 'b'], projects: [], accessKeys: [] },
    preemption: { isEnabled: false, victimScope: 'RESOURCE_GROUP' },
    fairShare: { halfLifeDays: 3, userWeights: { ann: 2, bob: 1 } },
  });
});

groups('a wrong value ends with 2, before anybody is asked', async () => {
  for (const wrong of [
    ['--scheduler', 'random'],
    ['--strategy', 'DISPERSED'],
    ['--pending-timeout', '-1'],
    ['--weight', 'cpu=heavy'],
    ['--session-type', 'nightly'],
    ['--preemption', 'perhaps'],
    ['--session-priority', 'high'],
    ['--session-cluster-mode', 'both'],
    ['--default', 'yes'],
    ['--containers', '-1'],
  ]) {
    const { exitCode } = await call({}, 'admin', 'group', 'set', 'gpu', ...wrong);
    assert.is(exitCode, 2, wrong.join(' '));
  }
});

groups('a refusal is told with its code and field', async () => {
  const rejection = {
    code: 'resource-group-in-use',
    message: '2 session(s) wait in it and 0 agent(s) belong to it',
    field: 'name',
    details: null,
  };
  const removeResourceGroup = () => ({ resourceGroup: null, rejection });
  const { exitCode, stderr } = await call({ removeResourceGroup }, 'admin', 'group', 'remove', 'x');
  assert.is(exitCode, 1);
  assert.match(stderr, /2 session\(s\) wait.*resource-group-in-use/);
  assert.equal(await asked('removeResourceGroup', groupAnswer, 'admin', 'group', 'remove', 'gpu'), {
    name: 'gpu',
  });
});

groups.run();

const owners = suite('cli: limits');

owners('are shown with what is held and what is left', async () => {
  const { stdout } = await call(
    { limits: () => limits },
    'admin',
    'limits',
    'show',
    'keypair',
    'A',
  );
  for (const line of [
    /^Total +cpu 4, and nothing else$/m,
    /^Left +cpu 3$/m,
    /^Sessions +1 of 3$/m,
    /^Waiting +2$/m,
    /^Containers +at most 2 a session$/m,
    /^Lifetime +at most 60 s$/m,
  ])
    assert.match(stdout, line);
});

owners('are set whole and cleared by setting none', async () => {
  const owner = { scope: 'USER', key: 'u1' };
  const set = ['admin', 'limits', 'set', 'user', 'u1', '--slot', 'cpu=4', '--slot', 'mem=Infinity'];
  assert.equal(await asked('setLimits', limitsAnswer, ...set, '--concurrent', '3'), {
    ...owner,
    totalResourceSlots: { cpu: '4', mem: 'Infinity' },
    maxConcurrentSessions: 3,
  });
  assert.equal(await asked('setLimits', limitsAnswer, 'admin', 'limits', 'clear', 'user', 'u1'), {
    ...owner,
  });
  const { exitCode } = await call({}, 'admin', 'limits', 'clear', 'group', 'g');
  assert.is(exitCode, 2);
});

owners.run();

const presets = suite('cli: presets');

presets('are listed, and checked with the limits of the caller', async () => {
  const { stdout } = await call({ resourcePresets: () => [preset] }, 'preset', 'list');
  assert.match(stdout, /^small +cpu 1, mem 1 GiB +64 MiB$/m);
  const check = {
    resourceGroup: group,
    presets: [{ preset, isAllocatable: false, obstacle: 'user-resource-limit' }],
    limits: [limits],
  };
  const checked = await call({ checkPresets: () => check }, 'preset', 'check', 'gpu');
  assert.match(checked.stdout, /^small .* no: user-resource-limit$/m);
  assert.match(checked.stdout, /^keypair AKIA +cpu 4 +cpu 1 +cpu 3$/m);
});

presets('are made, changed and removed', async () => {
  const slot = ['--slot', 'cpu=1', '--slot', 'mem=1g'];
  const add = ['admin', 'preset', 'add', 'small', ...slot, '--shmem', '64m', '--group', 'gpu'];
  assert.equal(await asked('createResourcePreset', presetAnswer, ...add), {
    name: 'small',
    resourceGroup: 'gpu',
    slots: { cpu: '1', mem: '1g' },
    sharedMemory: '64m',
  });
  const set = ['admin', 'preset', 'set', 'small', '--shmem', '0'];
  assert.equal(await asked('modifyResourcePreset', presetAnswer, ...set), {
    name: 'small',
    sharedMemory: '0',
  });
  const remove = ['admin', 'preset', 'remove', 'small'];
  assert.equal(await asked('deleteResourcePreset', presetAnswer, ...remove), { name: 'small' });
});

presets.run();
