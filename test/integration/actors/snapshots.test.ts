import { createLogger, derivedId, type Outcome, SCHEDULER_ID, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createHoldings } from '../../../actors/runtime/holdings.ts';
import { fillLog } from '../../bench/log-filler.ts';
import { queuedOf } from '../../bench/sample-lives.ts';
import { collect, freshId, until } from '../../contract/bus/harness.ts';
import { count, countingAggregate } from '../../unit/actors/runtime/counting-aggregate.ts';
import { startControlHosts } from './control-hosts.ts';

/** The scheduler's state is larger than one chunk. */
const FILLING = { ended: 200, live: 100, pending: 3_000, nodes: 20 };
const ANSWER_MS_MAX = 30_000;

const cluster = await startControlHosts();
const { bus } = cluster;
await fillLog(cluster.server, FILLING);
const snapshots = suite('snapshots: a host that starts with a long log');

async function queue(name: string, asked: number): Promise<Outcome> {
  const queued = { ...queuedOf({ cpu: '128', mem: '1' }), session: derivedId(name) };
  return bus.inbox.request(
    {
      id: derivedId(name, String(asked)),
      aggregate: 'scheduler',
      aggregateId: SCHEDULER_ID,
      actor: { kind: 'system', id: 'test' },
      sentAtMs: systemClock.nowMs(),
      command: { type: 'queue', queued },
    },
    AbortSignal.timeout(ANSWER_MS_MAX),
  );
}

/** The log of the scheduler has no gap, and holds that session once. */
async function assertQueuedOnce(name: string): Promise<void> {
  let revision = 0;
  let queued = 0;
  for (const { firstRevision, events } of await collect(bus.log.read('scheduler', SCHEDULER_ID))) {
    assert.is(firstRevision, revision + 1);
    revision += events.length;
    queued += JSON.stringify(events).split(`"queued":{"session":"${derivedId(name)}"`).length - 1;
  }
  assert.is(queued, 1);
}

snapshots('reads the log, saves what it has folded, and goes on from that next time', async () => {
  await cluster.start('only');
  const first = await queue('first', 1);
  assert.ok(first.ok && first.hasChanged);
  await until(async () => (await bus.snapshots.load('scheduler', SCHEDULER_ID)) !== undefined);
  await cluster.end('only', 'SIGKILL');
  await cluster.start('only');
  const again = await queue('first', 2);
  assert.ok(again.ok && !again.hasChanged);
  await assertQueuedOnce('first');
});

snapshots('reads the log when its snapshot is torn, or cannot be read at all', async () => {
  for (const [index, chunk] of [1, 0].entries()) {
    await cluster.end('only', 'SIGKILL');
    bus.live.publish(`snap.scheduler.${SCHEDULER_ID}.${chunk}`, 'torn');
    await bus.flush();
    assert.is(await bus.snapshots.load('scheduler', SCHEDULER_ID), undefined);
    await cluster.start('only');
    const again = await queue('first', 10 + index);
    assert.ok(again.ok && !again.hasChanged);
    // The log was long, so what was folded is saved anew.
    await until(async () => (await bus.snapshots.load('scheduler', SCHEDULER_ID)) !== undefined);
  }
  await assertQueuedOnce('first');
});

snapshots('any aggregate with a long log is read from its snapshot and the tail', async () => {
  const aggregate = countingAggregate({ name: 'image', folds: 'into new states' });
  const place = { name: 'image', id: freshId() } as const;
  const holdings = () =>
    createHoldings({
      bus,
      clock: systemClock,
      logger: createLogger({ name: 'test', level: 'warn' }),
      heldMax: 10,
      heldBytesMax: 1_000_000,
    });
  await count(bus, place, 300);
  const own = holdings();
  own.saveWhenDue(aggregate, await own.load(aggregate, place.id));
  await until(async () => (await bus.snapshots.load('image', place.id)) !== undefined);
  await count(bus, place, 10);
  const held = await holdings().load(aggregate, place.id);
  assert.is(held.revision, 310);
  assert.is(aggregate.describe(held.state as never), '310');
  assert.is(held.unsavedCommands, 10);
});

snapshots.after(async () => cluster[Symbol.asyncDispose]());

snapshots.run();
