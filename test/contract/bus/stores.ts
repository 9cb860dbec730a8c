import { type KeyChange, listSetAside, replaySetAside } from '@orrery/bus';
import * as assert from 'uvu/assert';
import { type BusHarness, busSuite, commandOf, freshId, take, until, within } from './harness.ts';
import { onlyOf } from './inboxes.ts';

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

  snapshots('take a body in pieces, whatever their sizes', async ({ bus }) => {
    const id = freshId();
    const chunk = 256 * 1024;
    const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 7];
    for (const [index, size] of sizes.entries()) {
      const body = 'ü'.repeat(size / 2) + (size % 2 === 1 ? 'x' : '');
      const pieces = body === '' ? [] : [body.slice(0, 7), body.slice(7)];
      await bus.snapshots.save('scheduler', id, { sequence: index + 1, body: pieces });
      const loaded = await bus.snapshots.load('scheduler', id);
      assert.is(loaded?.sequence, index + 1);
      assert.ok(loaded?.body === body, `${size} bytes`);
    }
    const lines = Array.from({ length: 40_000 }, (_, index) => `line ${index} of a body\n`);
    await bus.snapshots.save('scheduler', id, { sequence: 99, body: lines });
    assert.ok((await bus.snapshots.load('scheduler', id))?.body === lines.join(''));
  });

  snapshots('leave in force what was saved before when the pieces fail', async ({ bus }) => {
    const id = freshId();
    const before = large('before');
    await bus.snapshots.save('scheduler', id, { sequence: 1, body: before });
    function* failing(): Generator<string> {
      for (let index = 0; index < 20; index++) yield 'x'.repeat(100_000);
      throw new Error('no more');
    }
    const saving = bus.snapshots.save('scheduler', id, { sequence: 2, body: failing() });
    assert.match(String(await saving.catch((error: unknown) => error)), 'no more');
    const loaded = await bus.snapshots.load('scheduler', id);
    assert.is(loaded?.sequence, 1);
    assert.ok(loaded?.body === before);
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

  config('are deleted at a revision only while that is the newest', async ({ bus }) => {
    const key = freshId();
    const first = await bus.config.put(key, 'a');
    const second = await bus.config.put(key, 'b');
    await bus.config.delete(key, first);
    assert.is((await bus.config.get(key))?.value, 'b');
    await bus.config.delete(key, second);
    assert.is(await bus.config.get(key), undefined);
  });

  config('tell a watcher what is there, and then what changes', async ({ bus, harness }) => {
    const prefix = `test.${freshId()}`;
    const other = await harness.connect();
    await bus.config.put(`${prefix}.a`, '1');
    await bus.config.put(`${prefix}.b`, '2');
    await bus.config.put(`test.${freshId()}`, 'elsewhere');
    const stop = new AbortController();
    const seen: KeyChange[] = [];
    const watching = (async () => {
      for await (const changes of other.config.watch(prefix, stop.signal)) seen.push(...changes);
    })();
    await until(() => seen.length === 2);
    await bus.config.put(`${prefix}.a`, '3');
    await bus.config.delete(`${prefix}.b`);
    await bus.config.create(`${prefix}.c`, '4', 1_000);
    await until(() => seen.length >= 6);
    stop.abort();
    await within(watching);
    assert.equal(
      seen.map(({ key, value }) => [key.slice(prefix.length + 1), value]),
      [
        ['a', '1'],
        ['b', '2'],
        ['a', '3'],
        ['b', undefined],
        ['c', '4'],
        ['c', undefined],
      ],
    );
    await other[Symbol.asyncDispose]();
  });

  config.run();
}

export function setAsideContract(name: string, start: () => Promise<BusHarness>): void {
  const setAside = busSuite(`${name}: commands set aside`, start);

  setAside('are kept once each, listed oldest first, and forgotten one by one', async ({ bus }) => {
    const [first, second] = ['1.7', '0.9'].map((id) => ({
      id,
      envelope: commandOf(freshId()),
      error: 'Error: no',
      tries: 3,
      setAsideAtMs: 5,
    }));
    assert.ok(first && second);
    assert.is(await bus.setAside.count(), 0);
    for (const command of [first, second, first]) await bus.setAside.put(command);
    assert.equal(await listSetAside(bus), [first, second]);
    assert.equal(await bus.setAside.find(second.id), second);
    assert.is(await bus.setAside.find('0.1'), undefined);
    await bus.setAside.remove(first.id);
    await bus.setAside.remove(first.id);
    assert.equal(await bus.setAside.list(), [second]);
    assert.is(await bus.setAside.count(), 1);
  });

  setAside('are sent again under another id when they are replayed', async ({ bus }) => {
    const id = freshId();
    const envelope = commandOf(id, { replyTo: 'nobody' });
    const lane = bus.inbox.partitionOf('session', id);
    await bus.inbox.send(envelope);
    await bus.setAside.put({ id: '2.1', envelope, error: 'no', tries: 3, setAsideAtMs: 5 });
    assert.is(await replaySetAside(bus, '2.1'), true);
    assert.is(await replaySetAside(bus, '2.1'), false);
    const stop = new AbortController();
    const [, again] = await take(onlyOf(bus.inbox.follow(lane, 0, stop.signal), id), 2);
    stop.abort();
    assert.is(again?.envelope.replyTo, undefined);
    assert.equal(again?.envelope.command, envelope.command);
    assert.is.not(again?.envelope.id, envelope.id);
  });

  setAside.run();
}
