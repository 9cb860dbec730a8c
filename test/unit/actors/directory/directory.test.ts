import {
  BUILT_IN_POLICIES,
  DEFAULT_DOMAIN_SETTINGS,
  type DomainEvent,
  type KeypairCommand,
  type KeypairEvent,
  known,
  limitsUnder,
  type PolicyCommand,
  type PolicyEvent,
  type ProjectEvent,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { domainAggregate } from '../../../../actors/domain/aggregate.ts';
import { keypairAggregate } from '../../../../actors/keypair/aggregate.ts';
import { policyAggregate } from '../../../../actors/policy/aggregate.ts';
import { HOLDERS_MAX } from '../../../../actors/policy/decide.ts';
import { projectAggregate } from '../../../../actors/project/aggregate.ts';
import { decided, told } from './directory-under-test.ts';

const USER = '0190b0c8-0000-7000-8000-000000000002';
const KEY = 'AKIAORRERYTEST000001';

const keypair = suite('key pair: what is decided');
const created: KeypairEvent = {
  type: 'keypair-created',
  accessKey: KEY,
  userId: USER,
  sealedSecret: 'sealed',
  isAdmin: false,
  rateLimit: 10,
  resourcePolicy: 'default',
};
const keyAfter = (events: readonly KeypairEvent[], command: KeypairCommand) =>
  decided(keypairAggregate, events, command);

keypair('is created once; another user does not get it, nor anybody once it is deleted', () => {
  const create: KeypairCommand = {
    type: 'create',
    userId: USER,
    sealedSecret: 'another',
    isAdmin: false,
    rateLimit: 10,
  };
  assert.equal(keyAfter([created], create), []);
  const other = { ...create, userId: USER.replace('2', '3') };
  assert.equal(keyAfter([created], other), ['keypair-exists', 'accessKey']);
  assert.equal(keyAfter([created, { type: 'keypair-deleted' }], create), [
    'keypair-exists',
    'accessKey',
  ]);
});

keypair('a rotation that is asked for again changes nothing', () => {
  const rotate: KeypairCommand = { type: 'rotate', sealedSecret: 'new' };
  const rotated: KeypairEvent = { type: 'keypair-secret-rotated', sealedSecret: 'new' };
  assert.equal(keyAfter([created], rotate), [rotated]);
  assert.equal(keyAfter([created, rotated], rotate), []);
});

keypair('follows the role of its user', () => {
  const follow = (isAdmin: boolean, isFirst: boolean): KeypairCommand => ({
    type: 'follow-role',
    isAdmin,
    isFirst,
  });
  const change = (changes: object): KeypairEvent => ({ type: 'keypair-changed', changes });
  assert.equal(keyAfter([created], follow(true, false)), [change({ isAdmin: true })]);
  const admin = [created, change({ isAdmin: true })];
  assert.equal(keyAfter(admin, follow(false, true)), [change({ isAdmin: false })]);
  assert.equal(keyAfter(admin, follow(false, false)), [change({ isActive: false })]);
  assert.equal(keyAfter([created], follow(false, false)), []);
});

keypair('tells its policy when it is deleted', () => {
  const messages = told(keypairAggregate, [created, { type: 'keypair-deleted' }]);
  assert.equal(
    messages.map(({ aggregate, command }) => [aggregate, command]),
    [['policy', { type: 'unbind', holder: KEY }]],
  );
});

keypair.run();

const policy = suite('policy: what is decided');
const shipped = known(BUILT_IN_POLICIES.find(({ kind }) => kind === 'keypair'));
if (shipped.kind !== 'keypair') throw new Error('it is not the policy of key pairs');
const set: PolicyEvent = { type: 'policy-set', name: 'big', policy: shipped };
const bound: PolicyEvent = { type: 'policy-bound', holder: KEY };
const policyAfter = (events: readonly PolicyEvent[], command: PolicyCommand) =>
  decided(policyAggregate, events, command);

policy('a change is told for every key pair that it counts for', () => {
  const larger = { ...shipped, maxConcurrentSessions: 7 };
  const messages = told(policyAggregate, [
    set,
    bound,
    { type: 'policy-bound', holder: 'AKIAORRERYTEST000002' },
    { type: 'policy-set', name: 'big', policy: larger },
  ]);
  assert.equal(
    messages.map(({ command }) => command),
    [KEY, 'AKIAORRERYTEST000002'].map((key) => ({
      type: 'set-limits',
      scope: 'keypair',
      key,
      limits: limitsUnder(larger),
      from: 'owner',
    })),
  );
});

policy('is not deleted while it counts for somebody, and the default never', () => {
  assert.equal(policyAfter([set, bound], { type: 'delete' }), ['policy-in-use', 'name']);
  const unbound: PolicyEvent = { type: 'policy-unbound', holder: KEY };
  assert.equal(policyAfter([set, bound, unbound], { type: 'delete' }), [
    { type: 'policy-deleted' },
  ]);
  const standard: PolicyEvent = { type: 'policy-set', name: 'default', policy: shipped };
  assert.equal(policyAfter([standard], { type: 'delete' }), ['policy-default', 'name']);
});

policy('refuses what its kind does not have', () => {
  const modify: PolicyCommand = { type: 'modify', changes: { maxNetworkCount: 1 } };
  assert.equal(policyAfter([set], modify), ['policy-invalid', 'maxNetworkCount']);
});

policy('counts for a limited number', () => {
  const holders = Array.from(
    { length: HOLDERS_MAX },
    (_, index): PolicyEvent => ({ type: 'policy-bound', holder: `key-${index}` }),
  );
  const bind: PolicyCommand = { type: 'bind', holder: KEY };
  assert.equal(policyAfter([set, ...holders], bind), ['policy-holders-too-many', 'resourcePolicy']);
});

policy('0 or less of sessions at the same time is unlimited for the scheduler', () => {
  const limits = limitsUnder({ ...shipped, maxConcurrentSessions: -1 });
  assert.equal(limits, {
    concurrentSessionsMax: 0,
    concurrentSystemSessionsMax: 1,
    containersPerSessionMax: 1,
  });
});

policy('every limit of it counts for the scheduler, in its words', () => {
  const limits = limitsUnder({
    ...shipped,
    defaultForUnspecified: 'limited',
    totalResourceSlots: { cpu: '4' },
    maxSessionLifetime: 60,
    maxPendingSessionCount: 2,
    maxPendingSessionResourceSlots: { cpu: '8' },
    maxPriority: 20,
    maxContainersPerSession: 3,
  });
  assert.equal(limits, {
    total: { cpu: '4' },
    unlistedSlots: 'none',
    concurrentSessionsMax: 5,
    concurrentSystemSessionsMax: 1,
    pendingSessionsMax: 2,
    pendingTotalMax: { cpu: '8' },
    containersPerSessionMax: 3,
    priorityMax: 20,
    sessionLifetimeMaxMs: 60_000,
  });
});

policy.run();

const places = suite('domains and projects: what is decided');
const domain: DomainEvent = {
  type: 'domain-created',
  name: 'physics',
  settings: { ...DEFAULT_DOMAIN_SETTINGS, totalResourceSlots: { cpu: '8' } },
};
const settings = {
  name: 'optics',
  description: '',
  isActive: true,
  totalResourceSlots: {},
  allowedVfolderHosts: {},
  integrationId: '',
  resourcePolicy: 'default',
  containerRegistry: null,
};
const project: ProjectEvent = {
  type: 'project-created',
  domain: 'physics',
  projectType: 'general',
  settings,
};

places('the scheduler is told what a domain may hold, and that a purged one has no limits', () => {
  const limitsOf = (events: readonly DomainEvent[]) =>
    told(domainAggregate, events).map(({ command }) => command);
  const limit = { type: 'set-limits', scope: 'domain', key: 'physics', from: 'owner' };
  assert.equal(limitsOf([domain]), [{ ...limit, limits: { total: { cpu: '8' } } }]);
  const unlimited: DomainEvent = { type: 'domain-changed', changes: { totalResourceSlots: {} } };
  assert.equal(limitsOf([domain, unlimited]), [{ ...limit, limits: {} }]);
  assert.equal(limitsOf([domain, { type: 'domain-purged' }]), [{ ...limit, limits: null }]);
});

places('the name of a purged domain is never given again', () => {
  const create = { type: 'create', name: 'physics', settings: DEFAULT_DOMAIN_SETTINGS } as const;
  assert.equal(decided(domainAggregate, [domain, { type: 'domain-purged' }], create), [
    'domain-purged',
    'name',
  ]);
});

places('a change that changes nothing is accepted without an event', () => {
  const modify = { type: 'modify', changes: { isActive: true, description: '' } } as const;
  assert.equal(decided(domainAggregate, [domain], modify), []);
  assert.equal(decided(projectAggregate, [project], modify), []);
});

places('the id of a project that was renamed or purged is passed over for its old name', () => {
  const create = { type: 'create', domain: 'physics', projectType: 'general', settings } as const;
  const taken = ['project-id-taken', undefined];
  assert.equal(decided(projectAggregate, [project], create), []);
  const renamed: ProjectEvent = { type: 'project-changed', changes: { name: 'lenses' } };
  assert.equal(decided(projectAggregate, [project, renamed], create), taken);
  assert.equal(decided(projectAggregate, [project, { type: 'project-purged' }], create), taken);
  const other = { ...create, settings: { ...settings, description: 'another' } };
  assert.equal(decided(projectAggregate, [project], other), ['project-exists', 'name']);
});

places.run();
