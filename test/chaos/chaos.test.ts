import { randomInt } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runChaos } from './chaos.ts';

/** `ORRERY_TEST_CHAOS_MINUTES` and `ORRERY_TEST_CHAOS_SEED` say otherwise. */
const MINUTES = Number(process.env['ORRERY_TEST_CHAOS_MINUTES'] ?? '1');
const SEED = Number(process.env['ORRERY_TEST_CHAOS_SEED'] ?? randomInt(2 ** 31));

const chaos = suite('chaos: every kind of process is killed and stopped at random under load');

chaos(`after ${MINUTES} minutes nothing is lost, doubled or stuck (seed ${SEED})`, async () => {
  const report = await runChaos({ seed: SEED, minutes: MINUTES }, (line) =>
    process.stderr.write(`${line}\n`),
  );
  process.stdout.write(`${JSON.stringify(report)}\n`);
  const { lost, doubled, stuck, refused, broken } = report;
  assert.equal(
    { lost, doubled, stuck, refused, broken },
    { lost: 0, doubled: 0, stuck: 0, refused: 0, broken: 0 },
    `seed ${SEED}: ${JSON.stringify(report.faults)}; logs in ${report.directory}`,
  );
  assert.ok(report.sessions.acknowledged > 0);
});

chaos.run();
