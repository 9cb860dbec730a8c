import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scoreOf } from '../../actors/scheduler/planning/forecast-score.ts';
import type { GroupPolicy } from '../../actors/scheduler/planning/model.ts';
import { foretoldDay } from '../unit/actors/scheduler/planning/day-of-forecasts.ts';
import { habitualDay } from '../unit/actors/scheduler/planning/habitual-load.ts';

const forecasts = suite('simulation: forecasts of a day of mixed load');

/**
 * Of all that were asked, each when it was first seen to wait. Nothing in these days tells how long a session will run
 * but its limit, of which it uses any share from two thirds on: on other days of this kind it is up to eight in a hundred
 * less or more, and whoever knew that law would foretell no more of them.
 */
for (const [name, policy] of Object.entries<Partial<GroupPolicy>>({
  'first come, first served': { ordering: 'fifo' },
  'with reservation': { ordering: 'fifo', reservation: 'first-blocked' },
})) {
  forecasts(`${name}: of all starts that are asked on a mixed day 80 % come within twice`, () => {
    const days = [7, 8].map((seed) => foretoldDay({ seed, policy, eachOf: 4 }));
    const asked = days.reduce((sum, day) => sum + day.asked, 0);
    const score = scoreOf(days.flatMap(({ predictions }) => predictions));
    assert.ok(asked >= 100, `${asked} were asked`);
    assert.is(score.count, asked, 'a time is named for each');
    assert.ok(score.withinTwice >= 0.8, JSON.stringify(score));
  });
}

forecasts(
  'people who do the same again and again, with limits that tell little: 70 % come within twice',
  () => {
    const policy = { ordering: 'fifo' } as const;
    const days = [2, 3].map((seed) => foretoldDay({ day: habitualDay, seed, policy, eachOf: 4 }));
    const score = scoreOf(days.flatMap(({ predictions }) => predictions));
    assert.is(
      score.count,
      days.reduce((sum, day) => sum + day.asked, 0),
    );
    assert.ok(score.count >= 75, `${score.count} were asked`);
    assert.ok(score.withinTwice >= 0.7, JSON.stringify(score));
  },
);

forecasts.run();
