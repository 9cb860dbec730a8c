import { derivedId, type SchedulerCommand } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decide } from '../../../../actors/scheduler/decide.ts';
import { ASKED_AGAIN_MS } from '../../../../actors/scheduler/foretell.ts';
import { answer } from '../../../../actors/scheduler/replay/answer.ts';
import { emptyState } from '../../../../actors/scheduler/state.ts';
import { restore, serialise } from '../../../../actors/scheduler/stored-state.ts';
import { MINUTE_MS, WaitingWorld } from './waiting-world.ts';

const crowd = (): WaitingWorld =>
  new WaitingWorld().agent('a').session('runs', { cpu: 4, minutes: 60 });
const placesOf = (world: WaitingWorld, names: readonly string[]): readonly string[] =>
  names.map((name) => {
    const { reason, forecast } = world.why(name);
    return `${name} ${reason.place} of ${forecast.waiting}`;
  });

const places = suite('scheduler: the place in the queue');

places('first come, first served: in order of arrival', () => {
  const world = crowd().session('p').session('q').session('r');
  assert.equal(placesOf(world, ['p', 'q', 'r']), ['p 1 of 3', 'q 2 of 3', 'r 3 of 3']);
});

places('last come, first served: the newest is first', () => {
  const world = crowd().policy({ ordering: 'lifo' }).session('p').session('q').session('r');
  assert.equal(placesOf(world, ['p', 'q', 'r']), ['p 3 of 3', 'q 2 of 3', 'r 1 of 3']);
});

places('dominant resource fairness: who holds least is first', () => {
  const world = new WaitingWorld()
    .agent('a')
    .policy({ ordering: 'drf' })
    .session('holds much', { cpu: 3, user: 'ann' })
    .session('holds little', { cpu: 1, user: 'bob' })
    .session('of ann', { user: 'ann' })
    .session('of bob', { user: 'bob' })
    .session('of cid', { user: 'cid' });
  const asked = placesOf(world, ['of ann', 'of bob', 'of cid']);
  assert.equal(asked, ['of ann 3 of 3', 'of bob 2 of 3', 'of cid 1 of 3']);
});

places('a higher priority is before all of a lower one, and who failed often is after them', () => {
  const world = crowd()
    .session('early')
    .session('failed', { more: { attempt: 7, queuedAtMs: 1 } })
    .session('urgent', { more: { priority: 50 } });
  const asked = placesOf(world, ['early', 'failed', 'urgent']);
  assert.equal(asked, ['early 2 of 3', 'failed 3 of 3', 'urgent 1 of 3']);
});

places('others of other groups are not before it', () => {
  const world = crowd()
    .session('p', { group: 'else' })
    .session('q', { group: 'else' })
    .session('x');
  assert.equal(placesOf(world, ['x']), ['x 1 of 1']);
});

places.run();

const asking = suite('scheduler: asking for a forecast');
const foretell = (name: string): SchedulerCommand => ({
  type: 'foretell',
  session: derivedId(name),
});

asking('nothing is written for a session that does not wait', () => {
  const world = crowd();
  assert.equal(world.turn(foretell('runs'), foretell('nobody')), []);
});

asking('who asks again within seconds is told the same, without an event', () => {
  const world = crowd().session('x');
  world.why('x');
  assert.equal(world.turn(foretell('x')), []);
  world.passMinutes(ASKED_AGAIN_MS / MINUTE_MS);
  assert.is(world.turn(foretell('x')).length, 1);
});

asking('after a forecast the scheduler first does its work, and says when to ask again', () => {
  const world = crowd().session('x').session('y');
  world.turn(foretell('x'));
  const refused = decide(world.state, foretell('y'), { nowMs: world.nowMs });
  assert.is(refused.ok, false);
  if (refused.ok) return;
  assert.is(refused.error.code, 'forecast-busy');
  const afterMs = Number(refused.error.details?.['retryAfterMs']);
  assert.ok(afterMs > 0 && afterMs <= 2000, `${afterMs} ms`);
  assert.is(decide(world.state, foretell('y'), { nowMs: world.nowMs + afterMs }).ok, true);
});

asking('nothing is foretold that nobody asks for, however many wait', () => {
  const world = crowd();
  const queue = Array.from(
    { length: 2000 },
    (_, index): SchedulerCommand => ({
      type: 'queue',
      queued: world.queuedOf(`w${index}`, { cpu: 2, minutes: 10 }),
    }),
  );
  world.turn(...queue);
  world.passMinutes(5).end('runs');
  assert.not(world.events.some(({ type }) => type === 'start-foretold'));
});

asking('one forecast takes no longer when thousands wait for hundreds of agents', () => {
  const world = new WaitingWorld();
  for (let index = 0; index < 300; index += 1) world.agent(`n${index}`);
  const queue = Array.from(
    { length: 5000 },
    (_, index): SchedulerCommand => ({
      type: 'queue',
      queued: world.queuedOf(`w${index}`, { cpu: 4, minutes: 30 }),
    }),
  );
  world.turn(...queue);
  const { reason, forecast, startsInMinutes = 0 } = world.why('w4999');
  assert.is(`${reason.place} of ${forecast.waiting}`, '4700 of 4700');
  // Sixteen rounds of 15 to 30 minutes.
  assert.ok(startsInMinutes > 180 && startsInMinutes < 720, `${startsInMinutes} min`);
  const restMs = world.state.foretellsAgainAtMs - world.nowMs;
  assert.ok(restMs > 0 && restMs < 2000, `${restMs} ms of rest`);
});

asking('the reason is told as it is now, not as it was', () => {
  const world = new WaitingWorld()
    .agent('a')
    .session('runs', { cpu: 2, minutes: 60 })
    .session('too', { cpu: 2, minutes: 60 })
    .session('x', { cpu: 4 })
    .end('runs');
  assert.equal(world.why('x').reason.missing, { cpu: '2' });
});

asking.run();

const scores = suite('scheduler: how forecasts came out');

scores('a forecast is compared with the start that came, and the next one says so', () => {
  const world = crowd().session('x', { cpu: 4, minutes: 60 }).session('y', { cpu: 4 });
  assert.is(world.why('x').forecast.score, undefined, 'none has come out yet');
  world.passMinutes(40).end('runs');
  assert.ok(world.isPlaced('x'));
  const { score } = world.why('y').forecast;
  assert.is(score?.count, 1);
  assert.is(score?.withinTwice, 1);
  assert.ok((score?.errorP50Ms ?? 0) <= 25 * MINUTE_MS);
});

scores('whoever may know is told how they came out in each group', async () => {
  const world = crowd().session('x', { cpu: 4, minutes: 60 });
  world.why('x');
  world.passMinutes(40).end('runs');
  const { state, nowMs } = world;
  const commits = async function* () {};
  const told = await answer(
    { type: 'forecast-scores' },
    { commits, nowMs, state: () => Promise.resolve(state) },
  );
  const score = state.experience.scoreOf('default');
  assert.is(score?.count, 1);
  assert.equal(told, { type: 'forecast-scores', groups: [{ group: 'default', score }] });
});

scores('the first forecast counts, however often it was asked again', () => {
  const world = crowd().session('x', { cpu: 4 }).session('y', { cpu: 4 });
  world.why('x');
  world.passMinutes(500).why('x');
  world.end('runs');
  const { score } = world.why('y').forecast;
  assert.is(score?.count, 1);
  assert.is(score?.withinTwice, 0, 'it was foretold for the end of an hour');
});

scores('a session that leaves without a start is not counted', () => {
  const world = crowd().session('x', { cpu: 4 }).session('y', { cpu: 4 });
  world.why('x');
  world.end('x').passMinutes(5);
  assert.is(world.why('y').forecast.score, undefined);
});

scores('what was learnt outlives a restart', () => {
  const world = crowd().session('x', { cpu: 4, minutes: 60 }).session('y', { cpu: 4 });
  world.why('x');
  world.passMinutes(40).end('runs').passMinutes(1).why('y');
  const parts = JSON.parse(JSON.stringify([...serialise(world.state)]));
  const restored = parts.reduce(restore, emptyState());
  const known = (state: typeof world.state) => JSON.stringify(state.experience.now());
  assert.is(known(restored), known(world.state));
  assert.is(restored.experience.scoreOf('default')?.count, 1);
});

scores(
  'how long sessions ran is learnt from those that ended, not from those sent to wait again',
  () => {
    const world = crowd().session('x', { cpu: 4 });
    world.turn({ type: 'queue', queued: { ...world.queuedOf('runs', { cpu: 4 }), attempt: 2 } });
    assert.is(world.state.experience.runs.habits().length, 0);
    world.passMinutes(7).end('x');
    assert.is(world.state.experience.runs.habits()[0]?.runs[0]?.ranMs, 7 * MINUTE_MS);
  },
);

scores.run();
