import {
  imageId,
  newId,
  SCHEDULER_ID,
  type SchedulerEvent,
  type SessionRequest,
  systemClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { collect, until } from '../../contract/bus/harness.ts';
import { startControlHosts } from './control-hosts.ts';

/** What may pass without an answer in a partition when its host is killed, and when it hands over. */
const TAKE_OVER_MS_MAX = 3_000;
const HAND_OVER_MS_MAX = 200;
const IMAGES = 24;
const IMAGES_PER_SESSION = 5;
const PAUSE_MS = 20;
const ANSWER_MS_MAX = 30_000;
const SETTLED_MS = 1_000;

const cluster = await startControlHosts();
const { bus } = cluster;
const hosts = suite('control hosts: several processes share the partitions');

hosts('a first host takes everything, further ones get their share by hand-over', async () => {
  await cluster.start('first');
  await until(async () => (await cluster.owners()).every((owner) => owner === 'first'));
  await cluster.start('second');
  await until(async () => (await cluster.owners()).includes('second'));
  await cluster.start('third');
  await until(async () => new Set(await cluster.owners()).size === 3);
});

hosts(
  'one is killed, one leaves, one comes: nothing is lost, order is kept, and the gaps are short',
  async () => {
    const load = new Load();
    const running = load.run();
    await systemClock.sleep(SETTLED_MS);
    load.mark();
    await cluster.end('first', 'SIGKILL');
    await until(async () => (await cluster.owners()).every((owner) => owner && owner !== 'first'));
    await systemClock.sleep(SETTLED_MS);
    const takeOverMs = load.worstMs();
    load.mark();
    await cluster.end('second', 'SIGTERM');
    await systemClock.sleep(SETTLED_MS);
    const leavingMs = load.worstMs();
    load.mark();
    await cluster.start('first');
    await until(async () => (await cluster.owners()).includes('first'));
    await systemClock.sleep(SETTLED_MS);
    const joiningMs = load.worstMs();
    load.stop();
    await running;
    const gaps = { takeOverMs, leavingMs, joiningMs, commands: load.sent.length };
    process.stdout.write(`${JSON.stringify(gaps)}\n`);
    assert.ok(takeOverMs <= TAKE_OVER_MS_MAX, `take-over within ${TAKE_OVER_MS_MAX} ms`);
    assert.ok(leavingMs <= HAND_OVER_MS_MAX, `hand-over within ${HAND_OVER_MS_MAX} ms`);
    assert.ok(joiningMs <= HAND_OVER_MS_MAX, `hand-over within ${HAND_OVER_MS_MAX} ms`);
    await assertAllThere(load);
  },
);

async function assertAllThere(load: Load): Promise<void> {
  for (const reference of load.references) {
    const commits = await collect(bus.log.read('image', imageId(reference)));
    const sent = load.sent.filter((command) => command.reference === reference);
    assert.equal(
      commits.map(({ commandId }) => commandId),
      sent.map(({ id }) => id),
      'each command once, in the order of sending',
    );
    assert.equal(
      commits.map(({ previousHash }) => previousHash),
      ['', ...commits.slice(0, -1).map(({ hash }) => hash)],
    );
  }
  for (const session of load.sessions) {
    const [first] = await collect(bus.log.read('session', session));
    assert.equal(
      first?.events.map(({ type }) => type),
      ['session-enqueued'],
    );
  }
  // The scheduler hears of them from their actors, behind the answers.
  await until(async () => (await queuedSessions()).size === load.sessions.length);
  assert.equal([...(await queuedSessions())].sort(), [...load.sessions].sort());
  assert.equal(load.refused, []);
}

async function queuedSessions(): Promise<ReadonlySet<string>> {
  const queued = new Set<string>();
  for await (const { events } of bus.log.read('scheduler', SCHEDULER_ID))
    for (const event of events as readonly SchedulerEvent[])
      if (event.type === 'session-queued') queued.add(event.queued.session);
  return queued;
}

interface Sent {
  readonly id: string;
  readonly reference: string;
  readonly atMs: number;
  answeredAtMs?: number;
}

/** Reports on images, in every partition and steadily: each is a commit, and order shows in the log. */
class Load {
  readonly references = Array.from({ length: IMAGES }, (_, index) => `hub/image-${index}:1`);
  readonly sent: Sent[] = [];
  readonly refused: unknown[] = [];
  readonly #stopping = new AbortController();
  readonly sessions: string[] = [];
  readonly #answers: Promise<void>[] = [];
  #markMs = 0;

  mark(): void {
    this.#markMs = systemClock.nowMs();
  }

  /** The longest that a command sent since the mark waited, those without an answer included. */
  worstMs(): number {
    const since = this.sent.filter(({ atMs }) => atMs >= this.#markMs);
    const nowMs = systemClock.nowMs();
    return Math.max(...since.map(({ atMs, answeredAtMs = nowMs }) => answeredAtMs - atMs));
  }

  stop(): void {
    this.#stopping.abort();
  }

  async run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const reference = this.references[this.sent.length % IMAGES] ?? '';
      this.#answers.push(this.#report(reference));
      if (this.sent.length % IMAGES_PER_SESSION === 0) this.#answers.push(this.#enqueue());
      await systemClock.sleep(PAUSE_MS);
    }
    await Promise.all(this.#answers);
  }

  /** No node is there for it: it waits, and the scheduler says why. */
  async #enqueue(): Promise<void> {
    const atMs = systemClock.nowMs();
    const session = newId(atMs);
    const request: SessionRequest = {
      name: `session-${this.sessions.length}`,
      sessionType: 'interactive',
      owner: { userId: session, email: 'a@b.test', projectId: 'default', domain: 'default' },
      resourceGroup: 'default',
      clusterMode: 'single-node',
      priority: 10,
      environ: {},
      command: null,
      kernels: [
        {
          id: newId(atMs),
          role: 'main',
          index: 1,
          localRank: 0,
          hostname: 'main1',
          image: 'hub/image-0:1',
          slots: { cpu: '1', mem: '1' },
        },
      ],
    };
    this.sessions.push(session);
    const outcome = await bus.inbox.request(
      {
        id: newId(atMs),
        aggregate: 'session',
        aggregateId: session,
        actor: { kind: 'user', id: session },
        sentAtMs: atMs,
        command: { type: 'enqueue', request },
      },
      AbortSignal.timeout(ANSWER_MS_MAX),
    );
    if (!outcome.ok) this.refused.push(outcome.error);
  }

  async #report(reference: string): Promise<void> {
    const atMs = systemClock.nowMs();
    const sent: Sent = { id: newId(atMs), reference, atMs };
    this.sent.push(sent);
    const facts = { digest: sent.id, architecture: 'x86_64', sizeBytes: 1, labels: {} };
    const outcome = await bus.inbox.request(
      {
        id: sent.id,
        aggregate: 'image',
        aggregateId: imageId(reference),
        actor: { kind: 'system', id: 'test' },
        sentAtMs: atMs,
        command: { type: 'report', reference, node: 'node', facts },
      },
      AbortSignal.timeout(ANSWER_MS_MAX),
    );
    sent.answeredAtMs = systemClock.nowMs();
    if (!outcome.ok) this.refused.push(outcome.error);
  }
}

hosts.after(async () => {
  await cluster[Symbol.asyncDispose]();
});
hosts.run();
