import {
  type AggregateName,
  type Commit,
  derivedId,
  type ImageEvent,
  imageId,
  type KeypairEvent,
  type NodeEvent,
  type SchedulerEvent,
  type SessionEvent,
  type UserEvent,
} from '@orrery/bus';
import { encodeBody, hashOf } from '../../bus/message-codec.ts';
import { subjects } from '../../bus/subjects.ts';

type Event = SessionEvent | SchedulerEvent | NodeEvent | ImageEvent | UserEvent | KeypairEvent;

/** One commit as a message of the log. */
export interface WrittenCommit {
  readonly subject: string;
  readonly body: Buffer;
  readonly events: number;
}

const NODES = 20;
const IMAGE = 'simulated';
const OWNER = derivedId('bench', 'owner');
const ACCESS_KEY = 'AKIA0123456789ABCDEF';
const SLOTS = { cpu: '0.5', mem: '67108864' };
/** Every so many sessions have a second kernel. */
const PAIR_PERIOD = 20;

/**
 * Writes the lives of sessions as the control plane does: the same commits, events and sizes, each
 * aggregate with its revisions and its chain of hashes. It keeps the state of what still lives.
 */
export class SessionLives {
  readonly #heads = new Map<string, { readonly revision: number; readonly hash: string }>();
  readonly #beganAtMs: number;
  #commits = 0;
  #sessions = 0;

  /** Commits are a millisecond apart. */
  constructor(beganAtMs: number) {
    this.#beganAtMs = beganAtMs;
  }

  get sessions(): number {
    return this.#sessions;
  }

  /** Nodes, an image, a user and a key pair. */
  furnish(): readonly WrittenCommit[] {
    const profile = { email: 'a@b', username: 'a', role: 'user' as const };
    const home = { domain: 'default', projectId: 'default' };
    const facts = { driver: 'simulated' as const, architecture: 'x86_64', version: '0.1.0' };
    const nodes = Array.from({ length: NODES }, (_, index) =>
      this.#write('node', nodeOf(index), 'register', [
        {
          type: 'node-registered',
          node: nodeOf(index),
          facts: { ...facts, resourceGroup: 'default', slots: { cpu: '64', mem: '273804165120' } },
        },
      ]),
    );
    return [
      ...nodes,
      this.#write('image', imageId(IMAGE), 'register', [
        { type: 'image-registered', reference: IMAGE },
      ]),
      this.#write('user', OWNER, 'register', [
        {
          type: 'user-registered',
          user: OWNER,
          profile: { ...profile, ...home },
          passwordHash: '$scrypt$1',
        },
      ]),
      this.#write('keypair', ACCESS_KEY, 'create', [
        {
          type: 'keypair-created',
          accessKey: ACCESS_KEY,
          userId: OWNER,
          sealedSecret: 'sealed',
          isAdmin: false,
          rateLimit: 10_000,
        },
      ]),
    ];
  }

  /** Whole lives of so many sessions side by side, step by step. */
  *wave(sessions: number): Generator<WrittenCommit> {
    const lives = Array.from({ length: sessions }, () => this.life());
    for (let isOver = false; !isOver; ) {
      isOver = true;
      for (const life of lives) {
        const { value, done } = life.next();
        if (done === true) continue;
        isOver = false;
        yield value;
      }
    }
  }

  /** One session from its creation to the release of what it held: 7 commits. */
  *life(): Generator<WrittenCommit, void> {
    const index = this.#sessions++;
    const session = derivedId('bench session', String(this.#beganAtMs), String(index));
    const kernels = Array.from({ length: index % PAIR_PERIOD === 0 ? 2 : 1 }, (_, rank) =>
      derivedId(session, String(rank)),
    );
    const placements = kernels.map((kernel) => ({
      kernel,
      node: nodeOf(index % NODES),
      slots: SLOTS,
    }));
    const schedule = (type: string, events: readonly SchedulerEvent[]) =>
      this.#write('scheduler', 'main', type, events);
    const step = (type: string, events: readonly SessionEvent[]) =>
      this.#write('session', session, type, events);
    yield step('enqueue', [enqueued(session, index, kernels)]);
    yield schedule('queue', [
      queued(session, kernels),
      { type: 'session-placed', session, attempt: 1, placements },
    ]);
    yield step('place', [
      { type: 'session-scheduled', attempt: 1, placements },
      ...placements.map((place) => ({ type: 'kernel-scheduled' as const, ...place })),
      ...kernels.map((kernel) => ({ type: 'kernel-preparing' as const, kernel })),
      { type: 'session-preparing' },
    ]);
    yield step('report-kernel', [
      ...kernels.map((kernel) => ({ type: 'kernel-prepared' as const, kernel })),
      { type: 'session-prepared' },
      ...kernels.map((kernel) => ({ type: 'kernel-creating' as const, kernel })),
      { type: 'session-creating' },
    ]);
    yield step('report-kernel', [
      ...kernels.map((kernel) => ({
        type: 'kernel-running' as const,
        kernel,
        containerId: `simulated-${kernel}`,
        startedAtMs: this.#nowMs(),
      })),
      { type: 'session-running' },
    ]);
    yield step('report-kernel', [
      ...kernels.map((kernel) => ({
        type: 'kernel-terminated' as const,
        kernel,
        reason: 'self-terminated',
        exitCode: 0,
        wasOutOfMemory: false,
        finishedAtMs: this.#nowMs(),
      })),
      { type: 'session-finished', result: 'success', exitCode: 0, reason: 'self-terminated' },
      { type: 'session-terminating', reason: 'self-terminated', mode: 'graceful' },
      { type: 'session-terminated', reason: 'self-terminated' },
    ]);
    this.#heads.delete(`session.${session}`);
    yield schedule('release', [{ type: 'allocation-released', session }]);
  }

  #nowMs(): number {
    return this.#beganAtMs + this.#commits;
  }

  #write(
    aggregate: AggregateName,
    aggregateId: string,
    commandType: string,
    events: readonly Event[],
  ): WrittenCommit {
    const place = `${aggregate}.${aggregateId}`;
    const { revision, hash } = this.#heads.get(place) ?? { revision: 0, hash: '' };
    const count = ++this.#commits;
    const commit: Commit = {
      id: derivedId('bench commit', String(this.#beganAtMs), String(count)),
      aggregate,
      aggregateId,
      firstRevision: revision + 1,
      schemaVersion: 1,
      recordedAtMs: this.#nowMs(),
      actor: { kind: 'system', id: 'control' },
      commandId: derivedId('bench command', String(this.#beganAtMs), String(count)),
      commandType,
      inboxSequence: count,
      traceparent: '00-aa6de86f8e29d6d346eed0075be87f67-685625c75424d9e3-00',
      previousHash: hash,
      events,
    };
    const subject = subjects.event(aggregate, aggregateId);
    const body = encodeBody(subject, commit);
    this.#heads.set(place, { revision: revision + events.length, hash: hashOf(body) });
    return { subject, body, events: events.length };
  }
}

function nodeOf(index: number): string {
  return `node-${index}`;
}

function enqueued(session: string, index: number, kernels: readonly string[]): SessionEvent {
  return {
    type: 'session-enqueued',
    session,
    request: {
      name: `bench-${index}`,
      sessionType: 'batch',
      owner: {
        userId: OWNER,
        email: 'a@b',
        accessKey: ACCESS_KEY,
        projectId: 'default',
        domain: 'default',
      },
      resourceGroup: 'default',
      clusterMode: 'single-node',
      priority: 10,
      tag: 'bench',
      environ: { SEED: String(index) },
      command: ['true'],
      kernels: kernels.map((id, rank) => ({
        id,
        role: rank === 0 ? ('main' as const) : ('sub' as const),
        index: 1,
        localRank: rank,
        hostname: rank === 0 ? 'main1' : 'sub1',
        image: IMAGE,
        slots: SLOTS,
      })),
    },
  };
}

function queued(session: string, kernels: readonly string[]): SchedulerEvent {
  return {
    type: 'session-queued',
    queued: {
      session,
      attempt: 1,
      resourceGroup: 'default',
      clusterMode: 'single-node',
      priority: 10,
      owner: { userId: OWNER, projectId: 'default', domain: 'default' },
      kernels: kernels.map((kernel) => ({ kernel, slots: SLOTS })),
    },
  };
}
