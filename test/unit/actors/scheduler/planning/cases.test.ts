import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { plan } from '../../../../../actors/scheduler/planning/plan.ts';
import { describePlan, parseCases } from './case-file.ts';

/** The issue asks for so many; a file that is lost would be seen. */
const CASES_MIN = 150;

const folder = fileURLToPath(new URL('../../../../golden/scheduling/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.cases'));
const scheduling = suite('scheduler: cases');
let count = 0;

for (const file of files) {
  for (const { name, situation, expected } of parseCases(readFileSync(folder + file, 'utf8'))) {
    count += 1;
    scheduling(`${file.replace('.cases', '')}: ${name}`, () => {
      assert.equal(describePlan(plan(situation)), expected);
    });
  }
}

scheduling('none is missing', () => {
  assert.ok(count >= CASES_MIN, `${count} cases`);
});

scheduling.run();
