import * as assert from 'uvu/assert';
import { type BusHarness, busSuite, freshId, until } from './harness.ts';

const MEBIBYTE = 1_048_576;

export function snapshotContract(name: string, start: () => Promise<BusHarness>): void {
  const snapshots = busSuite(`${name}: snapshots`, start);

  snapshots('give back what was saved last, small or large', async ({ bus }) => {
    const id = freshId();
    const bodies = [
      'small',
      large('"quoted" and \\ ü '),
      large('other'),
      'small again',
      large('x'),
    ];
    for (const [index, body] of bodies.entries()) {
      await bus.snapshots.save('scheduler', id, { sequence: index + 1, body });
      const loaded = await bus.snapshots.load('scheduler', id);
      assert.is(loaded?.sequence, index + 1);
      assert.ok(loaded?.body === body);
    }
  });

  snapshots('give nothing where nothing was saved', async ({ bus }) => {
    assert.is(await bus.snapshots.load('session', freshId()), undefined);
  });

  snapshots.run();
}

function large(text: string): string {
  return text.repeat(Math.ceil((2.5 * MEBIBYTE) / text.length));
}

export function keyValuesContract(name: string, start: () => Promise<BusHarness>): void {
  const config = busSuite(`${name}: key values`, start);

  config('give back what was put, and nothing where nothing was', async ({ bus }) => {
    const key = `test.${freshId()}`;
    assert.is(await bus.config.get(key), undefined);
    const revision = await bus.config.put(key, 'ü 1');
    assert.equal(await bus.config.get(key), { value: 'ü 1', revision });
    assert.ok((await bus.config.put(key, '2')) > revision);
    assert.is((await bus.config.get(key))?.value, '2');
  });

  config('are created by one of many only', async ({ bus }) => {
    const key = freshId();
    const holders = Array.from({ length: 10 }, (_, index) => bus.config.create(key, `${index}`));
    const revisions = (await Promise.all(holders)).filter((revision) => revision !== undefined);
    assert.is(revisions.length, 1);
    assert.is((await bus.config.get(key))?.revision, revisions[0]);
  });

  config('are updated at their newest revision only', async ({ bus }) => {
    const key = freshId();
    const first = await bus.config.put(key, 'a');
    const second = await bus.config.update(key, 'b', first);
    assert.ok(second !== undefined && second > first);
    assert.is(await bus.config.update(key, 'c', first), undefined);
    assert.equal(await bus.config.get(key), { value: 'b', revision: second });
  });

  config('can be created again after they were deleted', async ({ bus }) => {
    const key = freshId();
    await bus.config.put(key, 'a');
    await bus.config.delete(key);
    await bus.config.delete(key);
    assert.is(await bus.config.get(key), undefined);
    const created = await bus.config.create(key, 'b');
    assert.ok(created !== undefined);
    assert.is(await bus.config.create(key, 'c'), undefined);
  });

  config('vanish after their time to live unless it is renewed', async ({ bus }) => {
    const [left, kept] = [freshId(), freshId()];
    assert.ok((await bus.config.create(left, 'a', 1_000)) !== undefined);
    let revision = await bus.config.create(kept, 'a', 1_000);
    assert.ok((await bus.config.get(left)) !== undefined);
    await until(async () => {
      assert.ok(revision !== undefined);
      revision = await bus.config.update(kept, 'b', revision, 5_000);
      return (await bus.config.get(left)) === undefined;
    });
    assert.is((await bus.config.get(kept))?.value, 'b');
    assert.ok((await bus.config.create(left, 'c', 1_000)) !== undefined);
  });

  config.run();
}
