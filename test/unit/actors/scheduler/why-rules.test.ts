import { derivedId, type QueuedSession } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MINUTE_MS, type Told, WaitingWorld } from './waiting-world.ts';

/** A situation and what is to be told of the session `x` in it, which a check holds. */
interface Situation {
  readonly world: () => WaitingWorld;
  /** Every check that fails; the first is the code. */
  readonly checks: readonly string[];
  readonly message: RegExp;
  readonly place: string;
  /** The first and the last minute of the estimate; absent: none is given. */
  readonly startsIn?: readonly [number, number];
  /** Every one of them is taken, and has to start. */
  readonly suggestions: readonly string[];
}

/** Agents with more than enough. */
const roomy = (): WaitingWorld => new WaitingWorld().agent('a', { cpu: 64, gib: 256 });
const more = (changes: Partial<QueuedSession>) => ({ more: changes });

const situations: Readonly<Record<string, Situation>> = {
  'its key pair runs as many sessions as it may': {
    world: () =>
      roomy()
        .limits('keypair', 'ANN', { concurrentSessionsMax: 1 })
        .session('runs', { minutes: 30 })
        .session('x'),
    checks: ['concurrency'],
    message: /^You cannot run more than 1 concurrent sessions$/,
    place: '1 of 1',
    startsIn: [15, 30],
    suggestions: [],
  },
  'the quota of its key pair is used up in part': {
    world: () =>
      roomy()
        .limits('keypair', 'ANN', { total: { cpu: '4' } })
        .session('runs', { cpu: 3, minutes: 30 })
        .session('x', { cpu: 2 }),
    checks: ['keypair_resource_limit'],
    message: /^Your keypair resource quota is exceeded\. \(4 cpu\)$/,
    place: '1 of 1',
    startsIn: [15, 30],
    suggestions: ['with 1 cpu instead of 2 cpu'],
  },
  'the quota of its user is of memory': {
    world: () =>
      roomy()
        .limits('user', 'ann', { total: { mem: String(2 ** 31) } })
        .session('runs', { gib: 2, minutes: 30 })
        .session('x', { gib: 2 }),
    checks: ['user_resource_limit'],
    message: /^Your main-keypair resource quota is exceeded\. \(2 GiB mem\)$/,
    place: '1 of 1',
    startsIn: [15, 30],
    suggestions: [],
  },
  'others of its project hold what the project may': {
    world: () =>
      roomy()
        .limits('project', 'lab', { total: { cpu: '4' } })
        .session('runs', { cpu: 4, user: 'bob', minutes: 30 })
        .session('x'),
    checks: ['user_group_resource_limit'],
    message: /^Your group resource quota is exceeded/,
    place: '1 of 1',
    startsIn: [15, 30],
    suggestions: [],
  },
  'its domain holds all it may': {
    world: () =>
      roomy()
        .limits('domain', 'default', { total: { cpu: '4' } })
        .session('runs', { cpu: 4, user: 'bob', project: 'other', minutes: 30 })
        .session('x'),
    checks: ['domain_resource_limit'],
    message: /^Your domain resource quota is exceeded/,
    place: '1 of 1',
    startsIn: [15, 30],
    suggestions: [],
  },
  'two limits hold it, and both are told': {
    world: () =>
      roomy()
        .limits('keypair', 'ANN', { concurrentSessionsMax: 1 })
        .limits('project', 'lab', { total: { cpu: '2' } })
        .session('runs', { cpu: 2, minutes: 30 })
        .session('x'),
    checks: ['concurrency', 'user_group_resource_limit'],
    message: /concurrent sessions/,
    place: '1 of 1',
    startsIn: [15, 30],
    suggestions: [],
  },
  'more of its key pair wait than may': {
    world: () =>
      new WaitingWorld()
        .agent('a')
        .limits('keypair', 'ANN', { pendingSessionsMax: 1 })
        .session('runs', { cpu: 4, user: 'bob', minutes: 30 })
        .session('waits', { cpu: 4, minutes: 30 })
        .session('x'),
    checks: ['pending_session_count_limit'],
    message: /^You cannot create more than 1 pending session/,
    place: '2 of 2',
    startsIn: [30, 65],
    suggestions: [],
  },
  'what waits of its key pair asks for more than may wait': {
    world: () =>
      new WaitingWorld()
        .agent('a')
        .limits('keypair', 'ANN', { pendingTotalMax: { cpu: '4' } })
        .session('runs', { cpu: 4, user: 'bob', minutes: 30 })
        .session('waits', { cpu: 4, minutes: 30 })
        .session('x', { cpu: 2 }),
    checks: ['pending_session_resource_limit'],
    message: /^Your pending session quota is exceeded\. \(4 cpu\)$/,
    place: '2 of 2',
    startsIn: [30, 65],
    suggestions: [],
  },
  'its start time has not come': {
    world: () => {
      const world = roomy();
      return world.session('x', more({ startsAtMs: world.nowMs + 47 * MINUTE_MS }));
    },
    checks: ['reserved_time'],
    message: /^Before start time$/,
    place: '1 of 1',
    startsIn: [47, 47],
    suggestions: [],
  },
  'it waits for another session to end': {
    world: () =>
      roomy()
        .session('first', { minutes: 20 })
        .session('x', more({ dependencies: [{ session: derivedId('first'), name: 'first' }] })),
    checks: ['dependencies'],
    message: /^Waiting dependency sessions to finish as success\. \(first/,
    place: '1 of 1',
    startsIn: [10, 20],
    suggestions: [],
  },
  'its owner may not use the group': {
    world: () =>
      roomy()
        .agent('b', {}, { resourceGroup: 'open' })
        .policy({ access: { domains: [], projects: ['theirs'], accessKeys: [] } })
        .session('x'),
    checks: ['resource_group_access'],
    message: /do not have access to the resource group default/,
    place: '1 of 1',
    suggestions: ['in the resource group open'],
  },
  'the group takes no sessions of its type': {
    world: () =>
      roomy()
        .policy({ allowedSessionTypes: ['inference'] })
        .session('x', more({ sessionType: 'batch' })),
    checks: ['allowed_session_types'],
    message: /does not accept batch sessions/,
    place: '1 of 1',
    suggestions: [],
  },
};

const rules = suite('scheduler: why a check holds a session');

function check(
  { reason, forecast, startsInMinutes, suggestions }: Told,
  expected: Situation,
): void {
  assert.equal(
    (reason.checks ?? []).map(({ name }) => name),
    [...expected.checks],
  );
  assert.is(reason.code, expected.checks[0]?.replaceAll('_', '-'));
  assert.match(reason.message, expected.message);
  assert.is(`${reason.place} of ${forecast.waiting}`, expected.place);
  assert.equal(suggestions, expected.suggestions);
  if (expected.startsIn === undefined) {
    assert.is(startsInMinutes, undefined);
    assert.ok(forecast.unknown);
    return;
  }
  const [first, last] = expected.startsIn;
  const minutes = startsInMinutes ?? Number.NaN;
  assert.ok(minutes >= first && minutes <= last, `it starts in ${startsInMinutes} min`);
}

for (const [name, situation] of Object.entries(situations)) {
  rules(`${name}: it is told so, and what is suggested starts when it is taken`, () => {
    const told = situation.world().why('x');
    check(told, situation);
    for (const suggestion of told.forecast.suggestions)
      assert.ok(situation.world().doesStart('x', suggestion), suggestion.message);
  });
}

rules.run();
