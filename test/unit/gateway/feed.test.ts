import {
  BusUnavailable,
  createLogger,
  createMemoryBus,
  type EventLog,
  type FollowedMessage,
  type RecordedCommit,
  SimulatedClock,
  subjects,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCommands, OUTCOME_WAIT_MS_MAX } from '../../../gateway/commands/commands.ts';
import { RequestFailed } from '../../../gateway/errors.ts';
import { BoundedQueue } from '../../../gateway/feed/bounded-queue.ts';
import { LogFeed } from '../../../gateway/feed/log-feed.ts';
import { PROJECTED_WAIT_MS_MAX, Progress } from '../../../gateway/feed/progress.ts';
import { ProjectedCache } from '../../../gateway/feed/projected-cache.ts';
import { ExecTickets, TICKET_MS } from '../../../gateway/sockets/exec-tickets.ts';

const logger = createLogger({ name: 'test', level: 'silent' });
const never = new AbortController().signal;

function commit(
  sequence: number,
  aggregate: RecordedCommit['aggregate'] = 'session',
): RecordedCommit {
  return {
    sequence,
    id: `c${sequence}`,
    aggregate,
    aggregateId: 'a',
    firstRevision: sequence,
    schemaVersion: 1,
    recordedAtMs: 0,
    actor: { kind: 'system', id: 'test' },
    commandId: '',
    commandType: '',
    inboxSequence: 0,
    previousHash: '',
    hash: '',
    events: [{ type: 'x' }],
  };
}

function messageOf({ sequence, hash: _, ...body }: RecordedCommit): FollowedMessage {
  const subject = subjects.event(body.aggregate, body.aggregateId);
  return { subject, sequence, body: Buffer.from(JSON.stringify(body)) };
}

/** A log whose follower breaks off after each commit. */
function brittleLog(commits: readonly RecordedCommit[]): EventLog {
  return {
    append: () => Promise.reject(new Error('read only')),
    async *read() {},
    async *follow() {},
    async *followMessages({ afterSequence, signal }) {
      const next = commits.find(({ sequence }) => sequence > afterSequence);
      if (next === undefined) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return;
      }
      yield [messageOf(next)];
      throw new BusUnavailable('go on');
    },
    async *readMessages() {},
    lastSequence: async () => 0,
    purge: async () => undefined,
  };
}

const feeding = suite('log feed: the one follower');

feeding('tells every commit once and in order, though its connection breaks', async () => {
  const clock = new SimulatedClock();
  const closing = new AbortController();
  const feed = new LogFeed({ log: brittleLog([commit(1), commit(2), commit(3)]), clock, logger });
  const all: number[] = [];
  const ofOne: number[] = [];
  using _all = feed.onCommit('session', ({ sequence }) => all.push(sequence));
  using _one = feed.onCommitOf('session', 'a', ({ sequence }) => ofOne.push(sequence));
  using _none = feed.onCommitOf('session', 'b', () => assert.unreachable());
  const { ended } = await feed.start(closing.signal);
  await clock.advance(5_000);
  closing.abort();
  await ended;
  assert.equal(all, [1, 2, 3]);
  assert.equal(ofOne, [1, 2, 3]);
  assert.is(feed.sequence, 3);
});

feeding('a queue takes no more than its limit and then ends with the reason', async () => {
  const queue = new BoundedQueue<number>(2);
  assert.equal([queue.push(1), queue.push(2), queue.push(3)], [true, true, false]);
  queue.end(new Error('too slow'));
  assert.equal([await queue.next(never), await queue.next(never)], [1, 2]);
  const failure = await queue.next(never).then(String, String);
  assert.match(failure, /too slow/);
});

feeding('a reader that waits is woken by an item, by the end and by its signal', async () => {
  const queue = new BoundedQueue<number>(2);
  const next = queue.next(never);
  queue.push(5);
  assert.is(await next, 5);
  const leaving = new AbortController();
  const left = queue.next(leaving.signal).then(String, () => 'left');
  leaving.abort();
  assert.is(await left, 'left');
  const last = queue.next(never);
  queue.end();
  assert.is(await last, undefined);
});

feeding.run();

const waiting = suite('progress: waiting for the projections');

interface Notices {
  readonly live: ConstructorParameters<typeof Progress>[0]['live'];
  tell(sequence: number): void;
}

function notices(): Notices {
  const queue = new BoundedQueue<number>(100);
  return {
    tell: (sequence) => void queue.push(sequence),
    live: {
      publish() {},
      request: () => Promise.reject(new Error('no requests')),
      async *subscribe(subject, signal) {
        assert.is(subject, subjects.projected);
        for (;;) {
          const sequence = await queue.next(signal).catch(() => undefined);
          if (sequence === undefined) return;
          yield { subject, body: { sequence } };
        }
      },
    },
  };
}

waiting('ends with the notice that they have passed, and not before', async () => {
  const clock = new SimulatedClock();
  const closing = new AbortController();
  const { live, tell } = notices();
  const progress = new Progress({
    live,
    checkpoint: async () => 0,
    clock,
    logger,
    closing: closing.signal,
  });
  const running = progress.run();
  const order: string[] = [];
  const reached = progress.reached(7, never).then(() => order.push('reached'));
  tell(6);
  await clock.advance(1);
  order.push('6 told');
  tell(7);
  await reached;
  assert.equal(order, ['6 told', 'reached']);
  closing.abort();
  await running;
});

waiting('ends by the checkpoint when the notice was lost', async () => {
  const clock = new SimulatedClock();
  const closing = new AbortController();
  const progress = new Progress({
    ...notices(),
    checkpoint: async () => 9,
    clock,
    logger,
    closing: closing.signal,
  });
  const reached = progress.reached(9, never);
  await clock.advance(1_000);
  await reached;
  assert.is(progress.sequence, 9);
  closing.abort();
});

waiting('has a limit, after which the client is told to ask again', async () => {
  const clock = new SimulatedClock();
  const closing = new AbortController();
  const progress = new Progress({
    ...notices(),
    checkpoint: async () => 1,
    clock,
    logger,
    closing: closing.signal,
  });
  const failure = progress.reached(2, never).catch((error: unknown) => error);
  await clock.advance(PROJECTED_WAIT_MS_MAX + 1);
  const error = await failure;
  assert.ok(error instanceof RequestFailed && error.code === 'UNAVAILABLE' && error.isRetryable);
  closing.abort();
});

waiting.run();

const caching = suite('projected cache: rows');

caching('are read once, and again after a commit that may have changed them', async () => {
  const clock = new SimulatedClock();
  const closing = new AbortController();
  const { live, tell } = notices();
  const progress = new Progress({
    live,
    checkpoint: async () => 0,
    clock,
    logger,
    closing: closing.signal,
  });
  const running = progress.run();
  const queue = new BoundedQueue<RecordedCommit>(10);
  const log: EventLog = {
    ...brittleLog([]),
    async *followMessages({ signal }) {
      for (;;) {
        const next = await queue.next(signal).catch(() => undefined);
        if (next === undefined) return;
        yield [messageOf(next)];
      }
    },
  };
  const feed = new LogFeed({ log, clock, logger });
  const reads: string[] = [];
  const cache = new ProjectedCache<object>({
    aggregates: ['user'],
    entriesMax: 10,
    feed,
    progress,
    load: async (key) => {
      reads.push(key);
      return {};
    },
  });
  const { ended } = await feed.start(closing.signal);
  await cache.get('a');
  await cache.get('a');
  assert.is(reads.length, 1);
  queue.push(commit(1, 'image'));
  await clock.advance(1);
  await cache.get('a');
  assert.is(reads.length, 1, 'another aggregate changes nothing');
  queue.push(commit(2, 'user'));
  await clock.advance(1);
  await cache.get('a');
  await cache.get('a');
  assert.is(reads.length, 3, 'nothing is kept before the projections have passed the commit');
  tell(2);
  await clock.advance(1);
  await cache.get('a');
  await cache.get('a');
  assert.is(reads.length, 4);
  closing.abort();
  await Promise.all([running, ended]);
});

caching.run();

const sending = suite('commands: sending');

const command = {
  aggregate: 'session',
  aggregateId: 'a',
  actor: { kind: 'user', id: 'u' },
  traceparent: undefined,
  command: { type: 'enqueue' },
} as const;

function inboxThat(
  request: () => Promise<never> | Promise<{ ok: true; revision: 1; sequence: 1 }>,
) {
  return { ...createMemoryBus({ clock: new SimulatedClock() }).inbox, request };
}

sending('goes on while the bus is away, each time under an id of its own', async () => {
  const clock = new SimulatedClock();
  let attempts = 0;
  const inbox = inboxThat(async () => {
    attempts += 1;
    if (attempts < 3) throw new BusUnavailable('take it');
    return { ok: true, revision: 1, sequence: 1 };
  });
  const answer = createCommands({ inbox, clock, closing: never }).request(command);
  await clock.advance(1_000);
  const { outcome, commandIds } = await answer;
  assert.ok(outcome.ok);
  assert.is(new Set(commandIds).size, 3);
});

sending('ends at its limit with a failure that says to ask again', async () => {
  const clock = new SimulatedClock();
  const inbox = inboxThat(() => Promise.reject(new BusUnavailable('take it')));
  const failure = createCommands({ inbox, clock, closing: never })
    .request(command)
    .catch((error: unknown) => error);
  await clock.advance(OUTCOME_WAIT_MS_MAX + 1_000);
  const error = await failure;
  assert.ok(error instanceof RequestFailed && error.code === 'UNAVAILABLE' && error.isRetryable);
});

sending.run();

const tickets = suite('exec tickets');

tickets('are good once and for a minute', async () => {
  const clock = new SimulatedClock();
  const waitingTickets = new ExecTickets(clock);
  const order = {
    node: 'n',
    visitor: { session: 's', userId: 'u', traceparent: undefined },
    request: { kind: 'exec' as const, kernel: 'k', command: ['sh'], hasTerminal: false },
  };
  const first = waitingTickets.issue(order);
  assert.equal(waitingTickets.take(first.ticket), order);
  assert.throws(() => waitingTickets.take(first.ticket), /unknown, was used or has expired/);
  const second = waitingTickets.issue(order);
  await clock.advance(TICKET_MS);
  assert.throws(() => waitingTickets.take(second.ticket), /expired/);
});

tickets.run();
