import { DEFAULT_GROUP_POLICY, type SchedulerCommand, type SchedulerEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  POLICIES_MAX,
  removeGroup,
  setGroup,
  setLimits,
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
const limitsOf = (
  limits: Command<'set-limits'>['limits'],
  scope: Command<'set-limits'>['scope'] = 'keypair',
): Command<'set-limits'> => ({ type: 'set-limits', scope, key: 'AKIA', limits });

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

admin('a group that is not there is removed without a word, once more or never', () => {
  assert.equal(removeGroup(given(), { type: 'remove-group', group: 'gpu' }), {
    ok: true,
    value: [],
  });
});

admin('limits are kept as they are given, and no limits are null', () => {
  const limits = { total: { cpu: '4' }, concurrentSessionsMax: 2 };
  const event: SchedulerEvent = { type: 'limits-set', scope: 'keypair', key: 'AKIA', limits };
  assert.equal(setLimits(given(), limitsOf(limits)), { ok: true, value: [event] });
  assert.equal(setLimits(given(event), limitsOf(limits)), { ok: true, value: [] });
  assert.equal(setLimits(given(), limitsOf({})), { ok: true, value: [] });
  const cleared = { ok: true, value: [{ ...event, limits: null }] };
  assert.equal(setLimits(given(event), limitsOf({})), cleared);
  assert.equal(setLimits(given(event), limitsOf(null)), cleared);
});

admin('amounts beyond what a pass counts exactly are refused', () => {
  const most = String(Number.MAX_SAFE_INTEGER);
  assert.ok(setLimits(given(), limitsOf({ total: { mem: most } })).ok);
  const refused = setLimits(given(), limitsOf({ total: { mem: '9007199254740992' } }));
  assert.is(refused.ok || refused.error.field, 'totalResourceSlots.mem');
  const half = setLimits(given(), limitsOf({ total: { mem: '1.5' } }));
  assert.is(half.ok || half.error.field, 'totalResourceSlots.mem');
});

admin('only a key pair has more than a total', () => {
  assert.ok(setLimits(given(), limitsOf({ total: { cpu: '0' } }, 'domain')).ok);
  const refused = setLimits(given(), limitsOf({ pendingSessionsMax: 1 }, 'user'));
  assert.is(refused.ok || refused.error.field, 'maxPendingSessionCount');
});

admin.run();
