import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunningView } from '../../../../../actors/scheduler/planning/model.ts';
import {
  type Ended,
  RUNS_MAX,
  RUNS_OF_KIND_MAX,
  RunHistory,
} from '../../../../../actors/scheduler/planning/run-history.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

interface Asked {
  readonly user?: string;
  readonly image?: string;
  readonly group?: string;
  readonly limitMs?: number;
}

function running({ user = 'ann', image, group = 'default', limitMs }: Asked = {}): RunningView {
  return {
    session: 'r',
    group,
    owner: { userId: user, accessKey: user, projectId: 'lab', domain: 'default' },
    sessionType: 'batch',
    image,
    placements: [],
    startedAtMs: 0,
    ...(limitMs === undefined ? {} : { endsAtMs: limitMs }),
    isPreemptible: true,
    jobPriority: 0,
  };
}

const ended = (ranMs: number, asked: Partial<Ended> = {}): Ended => ({
  ranMs,
  user: 'ann',
  sessionType: 'batch',
  image: 'python',
  group: 'default',
  ...asked,
});

function historyOf(all: readonly Ended[]): RunHistory {
  const history = new RunHistory();
  for (const one of all) history.note(one);
  return history;
}

const times = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at);
const halfway = (history: RunHistory, asked: Asked, ranMs = 0): number =>
  history.leftOf()(running(asked), ranMs, 0.5);

const lengths = suite('scheduler: how long sessions run');

lengths('what one user runs in one image is told apart from what else it runs', () => {
  const history = historyOf(
    times(20).flatMap((at) => [
      ended(HOUR_MS + at, { image: 'train' }),
      ended(MINUTE_MS + at, { image: 'test' }),
      ended(10 * MINUTE_MS + at, { image: 'test', user: 'bob' }),
    ]),
  );
  assert.is(Math.round(halfway(history, { image: 'train' }) / HOUR_MS), 1);
  assert.is(Math.round(halfway(history, { image: 'test' }) / MINUTE_MS), 1);
  assert.is(Math.round(halfway(history, { image: 'test', user: 'bob' }) / MINUTE_MS), 10);
});

lengths('a user who is new is judged by the image, and an image that is new by the user', () => {
  const history = historyOf(
    times(20).flatMap((at) => [
      ended(HOUR_MS + at, { image: 'train', user: `user ${at}` }),
      ended(MINUTE_MS + at, { image: `image ${at}`, user: 'bob' }),
    ]),
  );
  assert.is(Math.round(halfway(history, { image: 'train', user: 'new' }) / HOUR_MS), 1);
  assert.is(Math.round(halfway(history, { image: 'new', user: 'bob' }) / MINUTE_MS), 1);
});

lengths('of nobody known the sessions of the group tell, before those of all groups', () => {
  const history = historyOf(
    times(20).flatMap((at) => [
      ended(HOUR_MS + at, { group: 'large', user: `user ${at}`, image: `image ${at}` }),
      ended(MINUTE_MS + at, { group: 'small', user: `user ${at}`, image: `image ${at}` }),
    ]),
  );
  const asked = { user: 'new', image: 'new' };
  assert.is(Math.round(halfway(history, { ...asked, group: 'large' }) / HOUR_MS), 1);
  assert.is(Math.round(halfway(history, { ...asked, group: 'small' }) / MINUTE_MS), 1);
});

lengths('where the same takes as long under any limit, the limit tells nothing', () => {
  const history = historyOf(
    times(30).map((at) => ended(10 * MINUTE_MS + at, { atMostMs: (1 + (at % 5)) * HOUR_MS })),
  );
  const left = halfway(history, { image: 'python', limitMs: 12 * HOUR_MS });
  assert.is(Math.round(left / MINUTE_MS), 10);
  const short = halfway(history, { image: 'python', limitMs: 5 * MINUTE_MS });
  assert.is(short, 5 * MINUTE_MS, 'never longer than its limit');
});

lengths('where all use the same share of their limits, the limit tells it', () => {
  const history = historyOf(
    times(30).map((at) => {
      const atMostMs = (1 + (at % 5)) * HOUR_MS;
      return ended(0.5 * atMostMs, { atMostMs });
    }),
  );
  assert.is(halfway(history, { image: 'python', limitMs: 8 * HOUR_MS }), 4 * HOUR_MS);
});

lengths('who has run for long already is compared with those that ran as long', () => {
  const history = historyOf([
    ...times(20).map((at) => ended(MINUTE_MS + at)),
    ...times(10).map((at) => ended(HOUR_MS + at)),
  ]);
  const soon = halfway(history, { image: 'python' });
  assert.is(Math.round(soon / MINUTE_MS), 1);
  const late = halfway(history, { image: 'python' }, 10 * MINUTE_MS);
  assert.is(Math.round(late / MINUTE_MS), 50);
});

lengths('what is remembered is bounded, and a flood of one kind leaves the others', () => {
  const history = historyOf(times(50).map((at) => ended(HOUR_MS + at, { user: 'bob' })));
  for (const at of times(10_000)) history.note(ended(MINUTE_MS + at));
  const counts = history.habits().map(({ runs }) => runs.length);
  assert.equal(counts, [50, RUNS_OF_KIND_MAX]);
  assert.is(Math.round(halfway(history, { user: 'bob', image: 'python' }) / HOUR_MS), 1);
  for (const at of times(2 * RUNS_MAX)) history.note(ended(at, { user: `user ${at}` }));
  const all = history.habits().reduce((sum, { runs }) => sum + runs.length, 0);
  assert.is(all, RUNS_MAX);
  assert.is(history.habits().at(-1)?.user, `user ${2 * RUNS_MAX - 1}`, 'the newest are kept');
});

lengths('what was remembered is the same after it was written down and read', () => {
  const history = historyOf(
    times(40).map((at) => ended(HOUR_MS + at, { user: `user ${at % 3}`, atMostMs: 2 * HOUR_MS })),
  );
  const again = new RunHistory();
  for (const habit of JSON.parse(JSON.stringify(history.habits()))) again.learn(habit);
  assert.equal(again.habits(), history.habits());
});

lengths.run();
