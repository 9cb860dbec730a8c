import type { SegmentStore } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

/** What every store of segments does. `open` gives one that is empty. */
export function segmentStoreContract(name: string, open: () => Promise<SegmentStore>): void {
  const store = suite(`${name}: store of segments`);

  store('gives back what was put, byte for byte', async () => {
    const segments = await open();
    const bytes = Uint8Array.from({ length: 100_000 }, (_, index) => (index * 31) % 256);
    await segments.put('00000001-ab.ndjson.zst', bytes);
    assert.is(Buffer.compare((await segments.get('00000001-ab.ndjson.zst')) ?? bytes, bytes), 0);
  });

  store('has nothing under a name that was not put', async () => {
    const segments = await open();
    assert.is(await segments.get('00000001-ab.ndjson.zst'), undefined);
    await segments.remove('00000001-ab.ndjson.zst');
    assert.equal(await segments.list(), []);
  });

  store('lists all names in order, and not what was removed', async () => {
    const segments = await open();
    for (const one of ['b.json', 'a.json', 'c.json']) await segments.put(one, Buffer.from(one));
    await segments.remove('b.json');
    assert.equal(await segments.list(), ['a.json', 'c.json']);
  });

  store('takes the same object twice', async () => {
    const segments = await open();
    await segments.put('a.json', Buffer.from('same'));
    await segments.put('a.json', Buffer.from('same'));
    assert.is(Buffer.from((await segments.get('a.json')) ?? []).toString(), 'same');
    assert.equal(await segments.list(), ['a.json']);
  });

  store.run();
}
