import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelRecords } from '../../../../actors/agent/kernel-records.ts';
import { SimulatedClock } from '../../../../bus/memory/simulated-clock.ts';
import { makeScratch } from '../../../environment/scratch.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const met = { session: 's', revision: 1, phase: 'met' } as const;

const test = suite<{ path: string; clock: SimulatedClock; remove: () => void }>(
  'agent records of kernels',
);
test.before.each((context) => {
  const scratch = makeScratch('records');
  context.path = join(scratch.path, 'kernels.ndjson');
  context.remove = scratch.remove;
  context.clock = new SimulatedClock(1_000);
});
test.after.each(({ remove }) => remove());

test('what was to be kept is there for the next agent, and what was for now is not', ({
  path,
  clock,
}) => {
  {
    using records = new KernelRecords({ clock, logger, path });
    records.put({ ...met, kernel: 'a' }, 'for-now');
    records.put({ ...met, kernel: 'b', phase: 'running' }, 'kept');
    records.put({ ...met, kernel: 'b', phase: 'running', stopReason: 'why' }, 'kept');
  }
  using records = new KernelRecords({ clock, logger, path });
  assert.is(records.find('a'), undefined);
  assert.is(records.find('b')?.stopReason, 'why');
});

test('a garbled line costs that record only', ({ path, clock }) => {
  {
    using records = new KernelRecords({ clock, logger, path });
    records.put({ ...met, kernel: 'a' }, 'kept');
    appendFileSync(path, '{"kernel":"half\n');
    records.put({ ...met, kernel: 'b' }, 'kept');
    appendFileSync(path, 'cut off');
  }
  using records = new KernelRecords({ clock, logger, path });
  assert.equal(
    records.all().map(({ kernel }) => kernel),
    ['a', 'b'],
  );
});

test('what is gone is forgotten after an hour, what is not is kept', async ({ path, clock }) => {
  using records = new KernelRecords({ clock, logger, path });
  records.put({ ...met, kernel: 'here', phase: 'running' }, 'kept');
  records.put({ ...met, kernel: 'old', phase: 'gone' }, 'kept');
  await clock.advance(3_600_001);
  records.put({ ...met, kernel: 'new', phase: 'gone' }, 'kept');
  assert.equal(
    records.all().map(({ kernel }) => kernel),
    ['here', 'new'],
  );
});

test('the journal is written anew before it grows without end', ({ path, clock }) => {
  using records = new KernelRecords({ clock, logger, path });
  for (let count = 0; count < 10_100; count++)
    records.put({ ...met, kernel: 'a', revision: count, phase: 'gone' }, 'kept');
  assert.ok(readFileSync(path, 'utf8').split('\n').length < 200);
});

test.run();
