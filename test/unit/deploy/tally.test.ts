import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addTallies, readTally, tallyLine } from '../../environment/tally.ts';

const tally = suite('tally: counts of a test run');

const summary =
  '\n  Total:     7\n\u001b[32m  Passed:    5\u001b[39m\n  Skipped:   1\n  Duration:  3ms\n';

tally('the counts are those of the summary, whatever its colour', () => {
  assert.equal(readTally(summary, 1), { passed: 5, failed: 2, skipped: 1 });
});

tally('a run without a summary has no counts', () => {
  assert.is(readTally('• • •', 1), undefined);
});

tally('an exit code that the counts do not explain is a failure', () => {
  const green = '  Total:     2\n  Passed:    2\n  Skipped:   0\n';
  assert.equal(readTally(green, 1), { passed: 2, failed: 1, skipped: 0 });
});

tally('the last line sums up all runs', () => {
  const sum = addTallies(
    { passed: 1, failed: 2, skipped: 3 },
    { passed: 4, failed: 0, skipped: 0 },
  );
  assert.is(tallyLine(sum), '5 passed, 2 failed, 3 skipped');
});

tally.run();
