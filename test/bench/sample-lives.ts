import type { AggregateName, Commit, SessionRequest } from '@orrery/bus';
import type { AnyAggregate } from '../../actors/runtime/aggregate.ts';
import { absent, advance, commitOf } from '../../actors/runtime/turn.ts';
import { judge } from '../../actors/runtime/verdict.ts';
import { schedulerAggregate } from '../../actors/scheduler/aggregate.ts';
import { sessionAggregate } from '../../actors/session/aggregate.ts';

export const SCHEDULER = 'main';

/** Events of one whole life, the scheduler's among them. */
export const EVENTS_OF_ENDED = 18;
export const EVENTS_OF_PENDING = 3;

const NOW_MS = 1_780_000_000_000;
const SESSION = '11111111-1111-4111-8111-111111111111';
const KERNEL = '22222222-2222-4222-8222-222222222222';
const NODE = 'the-node-of-the-sample';
const HASH = '3'.repeat(64);
const REVISION = 444_444_444;

type Piece =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'session' | 'kernel' | 'node' | 'hash' | 'revision' };

/** A commit without its id, as JSON, with the places where one commit of its kind differs from another. */
export interface Template {
  readonly aggregate: AggregateName;
  readonly events: number;
  readonly pieces: readonly Piece[];
}

export interface SampleLives {
  readonly node: Template;
  readonly ended: readonly Template[];
  readonly live: readonly Template[];
  readonly pending: readonly Template[];
}

/** What the real deciders make of a session that ends, one that runs, and one for which there is no room. */
export function sampleLives(): SampleLives {
  const scheduler = new Sample(schedulerAggregate, SCHEDULER);
  const capacity = {
    node: NODE,
    resourceGroup: 'default',
    architecture: 'x86_64',
    slots: { cpu: '64', mem: '274877906944' },
    isSchedulable: true,
  };
  const node = scheduler.takes({ type: 'update-node', capacity });
  const small = { cpu: '0.1', mem: '16777216' };
  const placements = [{ kernel: KERNEL, node: NODE, slots: small }];
  const session = new Sample(sessionAggregate, SESSION);
  const report = (state: object) =>
    session.takes({
      type: 'report-kernel',
      kernel: KERNEL,
      node: NODE,
      wishRevision: session.revision,
      report: state,
    });
  const live = [
    session.takes({ type: 'enqueue', request: requestOf(small) }),
    scheduler.takes({ type: 'queue', queued: queuedOf(small) }),
    session.takes({ type: 'place', attempt: 1, placements }),
    report({ state: 'prepared' }),
    report({ state: 'running', containerId: 'c'.repeat(64), startedAtMs: NOW_MS }),
  ];
  const ended = [
    ...live,
    report({
      state: 'exited',
      exitCode: 0,
      reason: 'self-terminated',
      wasOutOfMemory: false,
      finishedAtMs: NOW_MS,
      isRemoved: true,
    }),
    scheduler.takes({ type: 'release', session: SESSION, attempt: 1 }),
  ];
  const large = { cpu: '128', mem: '16777216' };
  const waiting = new Sample(sessionAggregate, SESSION);
  const pending = [
    waiting.takes({ type: 'enqueue', request: requestOf(large) }),
    scheduler.takes({ type: 'queue', queued: queuedOf(large) }),
  ];
  return { node, live, ended, pending };
}

function requestOf(slots: Readonly<Record<string, string>>): SessionRequest {
  const { owner, kernels, ...rest } = queuedOf(slots);
  return {
    name: 'train-7',
    sessionType: 'batch',
    owner: { ...owner, email: 'user@example.org', accessKey: 'AKIAEXAMPLEEXAMPLE00' },
    resourceGroup: rest.resourceGroup,
    architecture: rest.architecture,
    clusterMode: 'single-node',
    priority: 10,
    environ: { EPOCHS: '10', DATA: 'data-set-7' },
    command: ['python', 'train.py', '--epochs', '10'],
    kernels: kernels.map(({ kernel, slots: asked }) => ({
      id: kernel,
      role: 'main',
      index: 1,
      localRank: 0,
      hostname: 'main1',
      image: 'registry.example.org/stable/python:3.13',
      slots: asked,
    })),
  };
}

export function queuedOf(slots: Readonly<Record<string, string>>) {
  return {
    session: SESSION,
    attempt: 1,
    resourceGroup: 'default',
    architecture: 'x86_64',
    clusterMode: 'single-node',
    priority: 10,
    owner: {
      userId: '55555555-5555-4555-8555-555555555555',
      projectId: '66666666-6666-4666-8666-666666666666',
      domain: 'default',
    },
    kernels: [{ kernel: KERNEL, slots }],
  };
}

interface Command {
  readonly type: string;
  readonly [parameter: string]: unknown;
}

/** One aggregate that takes commands as a host would have it take them, and keeps what it would write. */
class Sample {
  readonly #aggregate: AnyAggregate;
  readonly #held;

  constructor(aggregate: AnyAggregate, id: string) {
    this.#aggregate = aggregate;
    this.#held = absent(aggregate, id);
  }

  get revision(): number {
    return this.#held.revision;
  }

  /** @throws when the command is refused or changes nothing. */
  takes(command: Command): Template {
    const [aggregate, held] = [this.#aggregate, this.#held];
    const isScheduler = aggregate.name === 'scheduler';
    const actor = { kind: 'system', id: 'control' } as const;
    const envelope = {
      id: '77777777-7777-4777-8777-777777777777',
      aggregate: aggregate.name,
      aggregateId: held.id,
      actor,
      sentAtMs: NOW_MS,
      command,
    };
    const read = { envelope, inboxSequence: 0, command: aggregate.parseCommand(command) };
    const verdict = judge(aggregate, held, { commands: [read], nowMs: NOW_MS });
    const { state, committed } = verdict;
    if (committed.length === 0) throw new Error(`${command.type} changes nothing`);
    const commit = commitOf(aggregate, held, { ...verdict, commands: committed });
    advance(aggregate, held, { ...commit, sequence: 0, hash: HASH }, { state, outgoing: [] });
    // All samples have one id: none is to be taken for the one before.
    held.speeches = [];
    const { id: _id, ...content } = commit;
    const places = { ...content, previousHash: content.previousHash === '' ? '' : HASH };
    return templateOf(
      isScheduler ? { ...places, firstRevision: REVISION, previousHash: HASH } : places,
    );
  }
}

const MARKS: Readonly<Record<string, Exclude<Piece['type'], 'text'>>> = {
  [SESSION]: 'session',
  [KERNEL]: 'kernel',
  [NODE]: 'node',
  [HASH]: 'hash',
  [String(REVISION)]: 'revision',
};

function templateOf(content: Omit<Commit, 'id'>): Template {
  const text = JSON.stringify(content);
  const pieces = text.split(new RegExp(`(${Object.keys(MARKS).join('|')})`)).map((part): Piece => {
    const type = MARKS[part];
    return type === undefined ? { type: 'text', text: part } : { type };
  });
  return { aggregate: content.aggregate, events: content.events.length, pieces };
}
