import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { scoreOf } from '../../actors/scheduler/planning/forecast-score.ts';
import type { GroupPolicy } from '../../actors/scheduler/planning/model.ts';
import { foretoldDay } from '../unit/actors/scheduler/planning/day-of-forecasts.ts';

const forecasts = suite('simulation: forecasts of a day of mixed load');

/**
 * Of all that were asked, each when it was first seen to wait. Nothing in these days tells how long a session will run
 * but its limit: on other days of this kind it is a few in a hundred less or more.
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

forecasts.run();
