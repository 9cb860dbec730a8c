import type { SchedulerCommand, SchedulerEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fold } from '../../../../actors/scheduler/fold.ts';
import { setLimits } from '../../../../actors/scheduler/owner-limits.ts';
import { emptyState, type SchedulerState } from '../../../../actors/scheduler/state.ts';

type SetLimits = Extract<SchedulerCommand, { readonly type: 'set-limits' }>;

function given(...events: readonly SchedulerEvent[]): SchedulerState {
  const state = emptyState();
  for (const event of events) fold(state, event);
  return state;
}

const limitsOf = (
  limits: SetLimits['limits'],
  scope: SetLimits['scope'] = 'keypair',
): SetLimits => ({ type: 'set-limits', scope, key: 'AKIA', limits });

const owners = suite('scheduler: setting limits');

owners('limits are kept as they are given, and no limits are null', () => {
  const limits = { total: { cpu: '4' }, concurrentSessionsMax: 2 };
  const event: SchedulerEvent = { type: 'limits-set', scope: 'keypair', key: 'AKIA', limits };
  assert.equal(setLimits(given(), limitsOf(limits)), { ok: true, value: [event] });
  assert.equal(setLimits(given(event), limitsOf(limits)), { ok: true, value: [] });
  assert.equal(setLimits(given(), limitsOf({})), { ok: true, value: [] });
  const cleared = { ok: true, value: [{ ...event, limits: null }] };
  assert.equal(setLimits(given(event), limitsOf({})), cleared);
  assert.equal(setLimits(given(event), limitsOf(null)), cleared);
});

owners('amounts beyond what a pass counts exactly are refused', () => {
  const most = String(Number.MAX_SAFE_INTEGER);
  assert.ok(setLimits(given(), limitsOf({ total: { mem: most } })).ok);
  const refused = setLimits(given(), limitsOf({ total: { mem: '9007199254740992' } }));
  assert.is(refused.ok || refused.error.field, 'totalResourceSlots.mem');
  const half = setLimits(given(), limitsOf({ total: { mem: '1.5' } }));
  assert.is(half.ok || half.error.field, 'totalResourceSlots.mem');
});

owners(
  'only a key pair has limits of system sessions, containers, priorities and lifetimes',
  () => {
    const common = { total: { cpu: '0' }, pendingSessionsMax: 1, pendingTotalMax: { cpu: '4' } };
    const others = {
      maxConcurrentSftpSessions: { concurrentSystemSessionsMax: 1 },
      maxContainersPerSession: { containersPerSessionMax: 1 },
      maxPriority: { priorityMax: 1 },
      maxSessionLifetimeSeconds: { sessionLifetimeMaxMs: 1000 },
    };
    for (const scope of ['user', 'project', 'domain'] as const) {
      assert.ok(setLimits(given(), limitsOf(common, scope)).ok);
      for (const [field, limit] of Object.entries(others)) {
        assert.ok(setLimits(given(), limitsOf(limit)).ok);
        const refused = setLimits(given(), limitsOf(limit, scope));
        assert.is(refused.ok || refused.error.field, field);
      }
      const none = setLimits(given(), limitsOf({ pendingSessionsMax: 0 }, scope));
      assert.is(none.ok || none.error.field, 'maxPendingSessionCount');
    }
  },
);

/** What is kept after these were set one after the other, or the first refusal. */
function keptAfter(...commands: readonly Partial<SetLimits>[]): object | null {
  const state = given();
  for (const command of commands) {
    const outcome = setLimits(state, { ...limitsOf(null), ...command });
    if (!outcome.ok) return outcome.error;
    for (const event of outcome.value) fold(state, event);
  }
  return state.limits.get(`${commands[0]?.scope ?? 'keypair'}:AKIA`) ?? null;
}

const owner = { from: 'owner' } as const;
const four = { total: { cpu: '4' } };

owners(
  'what the owner says and what an administrator says besides do not depend on who came last',
  () => {
    const besides = { pendingSessionsMax: 3 };
    const both = { ...four, ...besides, said: ['total'] };
    assert.equal(keptAfter({ limits: four, ...owner }, { limits: besides }), both);
    assert.equal(keptAfter({ limits: besides }, { limits: four, ...owner }), both);
    assert.equal(keptAfter({ limits: { total: { cpu: '9' } } }, { limits: four, ...owner }), {
      ...four,
      said: ['total'],
    });
  },
);

owners('what the owner says is refused of an administrator, unless it is the same', () => {
  for (const [scope, word] of [
    ['project', /project itself/],
    ['keypair', /resource policy/],
  ] as const) {
    const said = { scope, limits: four, ...owner };
    const refused = keptAfter(said, { scope, limits: { total: { cpu: '5' } } });
    assert.match(JSON.stringify(refused), word);
    assert.is((refused as { field?: string }).field, 'totalResourceSlots');
    assert.equal(keptAfter(said, { scope, limits: four }), { ...four, said: ['total'] });
  }
});

owners('no limits of an administrator leave those of the owner, and the other way round', () => {
  const besides = { pendingSessionsMax: 3 };
  const both = [{ limits: four, ...owner }, { limits: besides }];
  assert.equal(keptAfter(...both, { limits: null }), { ...four, said: ['total'] });
  assert.equal(keptAfter(...both, { limits: {}, ...owner }), besides);
  assert.is(keptAfter(...both, { limits: {}, ...owner }, { limits: null }), null);
  assert.is(keptAfter(...both, { limits: null, ...owner }), null, 'of an owner that is gone');
});

owners('what the owner does not say any more is gone, and free for an administrator', () => {
  const more = { ...four, concurrentSessionsMax: 2 };
  assert.equal(keptAfter({ limits: more, ...owner }, { limits: four, ...owner }), {
    ...four,
    said: ['total'],
  });
  const mine = { concurrentSessionsMax: 7 };
  const again = keptAfter({ limits: more, ...owner }, { limits: four, ...owner }, { limits: mine });
  assert.equal(again, { ...mine, ...four, said: ['total'] });
});

owners.run();
