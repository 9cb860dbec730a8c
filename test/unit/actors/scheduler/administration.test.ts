import { DEFAULT_GROUP_POLICY, type SchedulerCommand, type SchedulerEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  POLICIES_MAX,
  removeGroup,
  setGroup,
} from '../../../../actors/scheduler/administration.ts';
import { fold } from '../../../../actors/scheduler/fold.ts';
import { emptyState, type SchedulerState } from '../../../../actors/scheduler/state.ts';

type Command<Type> = Extract<SchedulerCommand, { readonly type: Type }>;

function given(...events: readonly SchedulerEvent[]): SchedulerState {
  const state = emptyState();
  for (const event of events) fold(state, event);
  return state;
}

const change = (policy: Command<'set-group'>['policy'], group = 'gpu'): Command<'set-group'> => ({
  type: 'set-group',
  group,
  policy,
});
const policySet = (policy: object): SchedulerEvent => ({
  type: 'group-policy-set',
  group: 'gpu',
  policy: { ...DEFAULT_GROUP_POLICY, ...policy },
});
const admin = suite('scheduler: administration');

admin('a change is laid over the default policy, and a later one over that', () => {
  const first = policySet({ ordering: 'lifo', description: 'x' });
  assert.equal(setGroup(given(), change({ ordering: 'lifo', description: 'x' })), {
    ok: true,
    value: [first],
  });
  const second = setGroup(given(first), change({ strategy: 'concentrated', description: null }));
  const policy = { ordering: 'lifo', strategy: 'concentrated' };
  assert.equal(second, { ok: true, value: [policySet(policy)] });
});

admin('what is so already writes nothing, a default policy that nobody had set does', () => {
  const set = policySet({ preemption: { ...DEFAULT_GROUP_POLICY.preemption, isEnabled: true } });
  const same = setGroup(given(set), change({ preemption: { isEnabled: true } }));
  assert.equal(same, { ok: true, value: [] });
  assert.equal(setGroup(given(), change({})), { ok: true, value: [policySet({})] });
});

admin('there are no more groups than there may be', () => {
  const state = given();
  for (let at = 0; at < POLICIES_MAX; at += 1)
    fold(state, { type: 'group-policy-set', group: `g${at}`, policy: DEFAULT_GROUP_POLICY });
  const refused = setGroup(state, change({}));
  assert.is(refused.ok || refused.error.field, 'name');
  assert.ok(setGroup(state, change({ ordering: 'lifo' }, 'g7')).ok);
});

admin('weights that a strategy needs cannot be taken away', () => {
  const weighted = policySet({ strategy: 'weighted', weights: { cpu: 1 } });
  for (const weights of [null, { cpu: 0 }]) {
    const refused = setGroup(given(weighted), change({ weights }));
    assert.is(refused.ok || refused.error.field, 'weights');
  }
  const both = setGroup(given(weighted), change({ weights: null, strategy: 'dispersed' }));
  assert.equal(both, { ok: true, value: [policySet({})] });
});

admin('one group at most is the default one, and the mark moves in one commit', () => {
  const state = given(policySet({ isDefault: true }));
  const moved = setGroup(state, change({ isDefault: true }, 'cpu'));
  const policy = { ...DEFAULT_GROUP_POLICY, isDefault: true };
  assert.equal(moved, {
    ok: true,
    value: [policySet({}), { type: 'group-policy-set', group: 'cpu', policy }],
  });
  assert.equal(setGroup(state, change({ isDefault: true })), { ok: true, value: [] });
  assert.equal(setGroup(state, change({ isDefault: false })), { ok: true, value: [policySet({})] });
});

admin(
  'the default group is public and active, however it comes to that, and is not removed',
  () => {
    const access = { domains: ['physics'], projects: [], accessKeys: [] };
    const marked = given(policySet({ isDefault: true }));
    for (const wrong of [{ isActive: false }, { access }]) {
      const fields = [
        setGroup(given(policySet(wrong)), change({ isDefault: true })),
        setGroup(marked, change(wrong)),
      ].map((outcome) => outcome.ok || outcome.error.field);
      assert.equal(fields, ['isDefault', 'isDefault']);
    }
    const removed = removeGroup(marked, { type: 'remove-group', group: 'gpu' });
    assert.is(removed.ok || removed.error.code, 'resource-group-default');
  },
);

admin('what sessions have that say nothing is changed part by part, and taken away by null', () => {
  const first = policySet({ sessionDefaults: { priority: 20, clusterMode: 'multi-node' } });
  const second = setGroup(given(first), change({ sessionDefaults: { priority: 5 } }));
  const sessionDefaults = { priority: 5, clusterMode: 'multi-node' };
  assert.equal(second, { ok: true, value: [policySet({ sessionDefaults })] });
  assert.equal(setGroup(given(first), change({ sessionDefaults: null })), {
    ok: true,
    value: [policySet({})],
  });
});

const senseless: readonly (readonly [Command<'set-group'>['policy'], string])[] = [
  [{ sessionDefaults: { priority: 101 } }, 'defaultSessionOptions.priority'],
  [{ sessionDefaults: { priority: -1 } }, 'defaultSessionOptions.priority'],
  [{ sessionDefaults: { jobPriority: -1001 } }, 'defaultSessionOptions.jobPriority'],
  [{ containersPerNodeMax: 100_001 }, 'maxContainersPerAgent'],
];
for (const [policy, field] of senseless)
  admin(`${JSON.stringify(policy)} is refused for ${field}`, () => {
    const refused = setGroup(given(), change(policy));
    assert.is(refused.ok || refused.error.field, field);
  });

admin('a group that is not there is removed without a word, once more or never', () => {
  assert.equal(removeGroup(given(), { type: 'remove-group', group: 'gpu' }), {
    ok: true,
    value: [],
  });
});

admin.run();
