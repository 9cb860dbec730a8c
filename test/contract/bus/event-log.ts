import { createHash } from 'node:crypto';
import { type RecordedCommit, RevisionConflict, readCommit } from '@orrery/bus';
import * as assert from 'uvu/assert';
import {
  type BusHarness,
  busSuite,
  collect,
  commitOf,
  freshId,
  take,
  until,
  within,
} from './harness.ts';

export function eventLogContract(name: string, start: () => Promise<BusHarness>): void {
  const log = busSuite(`${name}: event log`, start);

  log('gives an appended commit back with its sequence and hash', async ({ bus }) => {
    const commit = commitOf(freshId(), { traceparent: '00-aa-bb-01' });
    const { sequence, hash } = await bus.log.append(commit, 0);
    const read = await collect(bus.log.read('session', commit.aggregateId));
    assert.equal(read, [{ ...commit, sequence, hash }]);
    assert.is(hash, createHash('sha256').update(JSON.stringify(commit)).digest('hex'));
    assert.is(await bus.log.lastSequence(), sequence);
  });

  log(
    'refuses a commit whose predecessor is not the newest, and writes nothing',
    async ({ bus }) => {
      const id = freshId();
      const { sequence } = await bus.log.append(commitOf(id), 0);
      for (const expected of [0, sequence - 1, sequence + 1]) {
        if (expected < 0) continue;
        const late = bus.log.append(commitOf(id), expected);
        assert.instance(await late.catch((error: unknown) => error), RevisionConflict);
      }
      assert.is((await collect(bus.log.read('session', id))).length, 1);
      await bus.log.append(commitOf(id), sequence);
    },
  );

  log('lets exactly one of many writers at the same place win', async ({ bus }) => {
    const id = freshId();
    const writers = Array.from({ length: 20 }, () => bus.log.append(commitOf(id), 0));
    const outcomes = await Promise.allSettled(writers);
    assert.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.is((await collect(bus.log.read('session', id))).length, 1);
  });

  log('records a commit once however often it is appended', async ({ bus }) => {
    const id = freshId();
    const first = commitOf(id);
    const appended = await bus.log.append(first, 0);
    assert.equal(await bus.log.append(first, 0), appended);
    await bus.log.append(commitOf(id), appended.sequence);
    assert.equal(await bus.log.append(first, 0), appended);
    assert.is((await collect(bus.log.read('session', id))).length, 2);
  });

  log('what is purged is gone, and its sequences are never given again', async ({ bus }) => {
    const [id, other] = [freshId(), freshId()];
    const first = await bus.log.append(commitOf(id), 0);
    const kept = await bus.log.append(commitOf(other), 0);
    const second = await bus.log.append(commitOf(id), first.sequence);
    await bus.log.purge('session', id, first.sequence);
    const rest = await collect(bus.log.read('session', id));
    assert.equal(
      rest.map(({ sequence }) => sequence),
      [second.sequence],
    );
    await bus.log.purge('session', id, second.sequence);
    await bus.log.purge('session', id, second.sequence);
    assert.equal(await collect(bus.log.read('session', id)), []);
    assert.is((await collect(bus.log.read('session', other))).length, 1);
    assert.is(await bus.log.lastSequence(), second.sequence);
    const again = await bus.log.append(commitOf(id), 0);
    assert.ok(again.sequence > second.sequence && kept.sequence < again.sequence);
  });

  log('reads one aggregate in order after a sequence, over several pages', async ({ bus }) => {
    const id = freshId();
    const sequences: number[] = [];
    for (let index = 0; index < 300; index++) {
      const { sequence } = await bus.log.append(commitOf(id), sequences.at(-1) ?? 0);
      sequences.push(sequence);
      if (index % 100 === 0) await bus.log.append(commitOf(freshId()), 0);
    }
    const all = (await collect(bus.log.read('session', id))).map(({ sequence }) => sequence);
    assert.equal(all, sequences);
    const tail = bus.log.read('session', id, sequences[289]);
    assert.is((await collect(tail)).length, 10);
  });

  log(
    'reads nothing of an aggregate that has no commit, and of one after its last',
    async ({ bus }) => {
      assert.equal(await collect(bus.log.read('session', freshId())), []);
      const id = freshId();
      const { sequence } = await bus.log.append(commitOf(id), 0);
      assert.equal(await collect(bus.log.read('session', id, sequence)), []);
    },
  );

  log('gives messages as they lie there, in pages, between two sequences', async ({ bus }) => {
    const afterSequence = await bus.log.lastSequence();
    const id = freshId();
    const commits = [commitOf(id), commitOf(id), commitOf(freshId()), commitOf(id)];
    const places: number[] = [];
    let previous = 0;
    for (const commit of commits) {
      const expected = commit.aggregateId === id ? previous : 0;
      const { sequence } = await bus.log.append(commit, expected);
      if (commit.aggregateId === id) previous = sequence;
      places.push(sequence);
    }
    const pages = await collect(bus.log.readMessages({ afterSequence, messagesMax: 3 }));
    assert.equal(
      pages.map((page) => page.map(({ sequence }) => sequence)),
      [places.slice(0, 3), places.slice(3)],
    );
    assert.equal(
      pages
        .flat()
        .map(({ subject, messageId, body }) => [subject, messageId, JSON.parse(String(body))]),
      commits.map((commit) => [`evt.session.${commit.aggregateId}`, commit.id, commit]),
    );
    const upToSequence = places[2] ?? 0;
    const own = { afterSequence, upToSequence, aggregate: 'session', aggregateId: id } as const;
    const some = (await collect(bus.log.readMessages(own))).flat();
    assert.equal(
      some.map(({ sequence }) => sequence),
      places.slice(0, 2),
    );
    const none = bus.log.readMessages({ afterSequence: await bus.log.lastSequence() });
    assert.equal(await collect(none), []);
  });

  log('a page of large messages ends early, and none is left out', async ({ bus }) => {
    const afterSequence = await bus.log.lastSequence();
    const text = 'x'.repeat(900_000);
    for (let count = 0; count < 12; count += 1)
      await bus.log.append(commitOf(freshId(), { commandId: text }), 0);
    const pages = await collect(bus.log.readMessages({ afterSequence }));
    assert.is(pages.flat().length, 12);
  });

  log('follows what is there and what comes, in order and without gap', async ({ bus }) => {
    const afterSequence = await bus.log.lastSequence();
    const ids = Array.from({ length: 50 }, freshId);
    const before = ids.slice(0, 25);
    const coming = ids.slice(25);
    for (const id of before) await bus.log.append(commitOf(id), 0);
    const stop = new AbortController();
    const followed = take(bus.log.follow({ afterSequence, signal: stop.signal }), 50);
    await Promise.all(coming.map((id) => bus.log.append(commitOf(id), 0)));
    const commits = await followed;
    stop.abort();
    assert.equal(
      commits.map(({ sequence }) => sequence),
      ids.map((_, index) => afterSequence + 1 + index),
    );
  });

  log('follows messages as they lie there, each readable as the commit it is', async ({ bus }) => {
    const afterSequence = await bus.log.lastSequence();
    const commits = [freshId(), freshId(), freshId()].map((id) => commitOf(id));
    const stop = new AbortController();
    const followed = take(bus.log.followMessages({ afterSequence, signal: stop.signal }), 3);
    for (const commit of commits) await bus.log.append(commit, 0);
    const messages = await followed;
    stop.abort();
    assert.equal(
      messages.map((message) => [message.subject, message.sequence, readCommit(message).id]),
      commits.map(({ id, aggregateId }, index) => [
        `evt.session.${aggregateId}`,
        afterSequence + 1 + index,
        id,
      ]),
    );
  });

  log(
    'follows one aggregate only when asked to, in arrays no larger than asked',
    async ({ bus }) => {
      const id = freshId();
      const afterSequence = await bus.log.lastSequence();
      let sequence = 0;
      for (let index = 0; index < 7; index++) {
        ({ sequence } = await bus.log.append(commitOf(id), sequence));
        await bus.log.append(commitOf(freshId()), 0);
      }
      const stop = new AbortController();
      const sizes: number[] = [];
      const seen: RecordedCommit[] = [];
      const feed = bus.log.follow({
        afterSequence,
        aggregate: 'session',
        aggregateId: id,
        commitsMax: 3,
        signal: stop.signal,
      });
      const reading = (async () => {
        for await (const commits of feed) {
          sizes.push(commits.length);
          seen.push(...commits);
          if (seen.length === 7) return;
        }
      })();
      await within(reading);
      assert.ok(sizes.every((size) => size <= 3));
      assert.ok(seen.every(({ aggregateId }) => aggregateId === id));
    },
  );

  log('ends a following when its signal fires', async ({ bus }) => {
    const stop = new AbortController();
    const feed = bus.log.follow({
      afterSequence: await bus.log.lastSequence(),
      signal: stop.signal,
    });
    const ended = collect(feed);
    stop.abort();
    assert.equal(await within(ended), []);
  });

  log('is the same for every connection', async ({ bus, harness }) => {
    const other = await harness.connect();
    const id = freshId();
    const stop = new AbortController();
    const seen: RecordedCommit[] = [];
    const following = (async () => {
      const feed = other.log.follow({ afterSequence: 0, aggregateId: id, signal: stop.signal });
      for await (const commits of feed) seen.push(...commits);
    })();
    await bus.log.append(commitOf(id), 0);
    await until(() => seen.length === 1);
    stop.abort();
    await within(following);
    await other[Symbol.asyncDispose]();
  });

  log('fails what is asked of a connection that is closed', async ({ harness }) => {
    const other = await harness.connect();
    const feed = other.log.follow({ afterSequence: 0, signal: new AbortController().signal });
    const following = (async () => {
      for await (const _ of feed);
    })();
    const failure = following.catch((error: unknown) => error);
    await other[Symbol.asyncDispose]();
    assert.match(String(await within(failure)), 'BusUnavailable');
    const append = other.log.append(commitOf(freshId()), 0).catch((error: unknown) => error);
    assert.match(String(await within(append)), 'BusUnavailable');
  });

  log.run();
}
