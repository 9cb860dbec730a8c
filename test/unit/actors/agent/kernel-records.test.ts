import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelRecords } from '../../../../actors/agent/kernel-records.ts';
import { makeScratch } from '../../../environment/scratch.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const met = { session: 's', revision: 1, phase: 'met' } as const;

const test = suite<{ path: string; remove: () => void }>('agent records of kernels');
test.before.each((context) => {
  const scratch = makeScratch('records');
  context.path = join(scratch.path, 'kernels.ndjson');
  context.remove = scratch.remove;
});
test.after.each(({ remove }) => remove());

test('what was to be kept is there for the next agent, and what was for now is not', ({ path }) => {
  {
    using records = new KernelRecords({ logger, path });
    records.put({ ...met, kernel: 'a' }, 'for-now');
    records.put({ ...met, kernel: 'b', phase: 'running' }, 'kept');
    records.put({ ...met, kernel: 'b', phase: 'running', stopReason: 'why' }, 'kept');
  }
  using records = new KernelRecords({ logger, path });
  assert.is(records.find('a'), undefined);
  assert.is(records.find('b')?.stopReason, 'why');
});

test('a garbled line costs that record only', ({ path }) => {
  {
    using records = new KernelRecords({ logger, path });
    records.put({ ...met, kernel: 'a' }, 'kept');
    appendFileSync(path, '{"kernel":"half\n');
    records.put({ ...met, kernel: 'b' }, 'kept');
    appendFileSync(path, 'cut off');
  }
  using records = new KernelRecords({ logger, path });
  assert.equal(
    records.all().map(({ kernel }) => kernel),
    ['a', 'b'],
  );
});

test('of what is over the oldest are forgotten, and what is not over is kept', ({ path }) => {
  using records = new KernelRecords({ logger, path });
  records.put({ ...met, kernel: 'here', phase: 'running' }, 'kept');
  for (let count = 0; count <= 10_000; count++)
    records.put({ ...met, kernel: `over-${count}`, phase: 'gone' }, 'kept');
  assert.is(records.all().length, 10_000);
  assert.is(records.find('over-0'), undefined);
  assert.is(records.find('over-1'), undefined);
  assert.is(records.find('over-2')?.phase, 'gone');
  assert.is(records.find('here')?.phase, 'running');
});

test('what is over is not forgotten while its wish can come again', ({ path }) => {
  using records = new KernelRecords({ logger, path });
  records.allDoneUpTo(6);
  records.put({ ...met, kernel: 'late', phase: 'gone', sequence: 7 }, 'kept');
  const fill = (): void => {
    for (let count = 0; count <= 10_000; count++)
      records.put({ ...met, kernel: `over-${count}`, phase: 'gone', sequence: 1 }, 'kept');
  };
  fill();
  assert.is(records.find('late')?.phase, 'gone');
  records.allDoneUpTo(7);
  fill();
  assert.is(records.find('late'), undefined);
});

test('the journal is written anew before it grows without end', ({ path }) => {
  using records = new KernelRecords({ logger, path });
  for (let count = 0; count < 10_100; count++)
    records.put({ ...met, kernel: 'a', revision: count, phase: 'gone' }, 'kept');
  assert.ok(readFileSync(path, 'utf8').split('\n').length < 200);
});

test.run();
