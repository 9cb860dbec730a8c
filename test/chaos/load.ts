import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandEnvelope,
  derivedId,
  newId,
  type SessionCommand,
  systemClock,
} from '@orrery/bus';
import type { CreateSessionInput } from '../../gateway/client/model.ts';
import type { Random } from '../simulation/random.ts';
import type { Stand } from './stand.ts';

const WORKERS = 4;
/** The longest pause of a worker between two sessions. */
const PAUSE_MS_MAX = 600;
const RUN_MS_MAX = 4_000;
const END_AFTER_MS_MAX = 8_000;
const ANSWER_MS_MAX = 20_000;
const ASK_AGAIN_MS = 500;
const IMAGE = 'simulated';

/** What a session is for, and so how it may end. */
export type Kind = 'batch' | 'ended' | 'left' | 'own-end' | 'process' | 'cluster' | 'failing';

const KINDS: readonly Kind[] = [
  ...(['batch', 'batch', 'batch', 'batch'] as const),
  ...(['ended', 'ended', 'left', 'own-end', 'process', 'process', 'cluster', 'failing'] as const),
];

export interface Asked {
  readonly key: string;
  readonly name: string;
  readonly kind: Kind;
  /** Undefined: nobody said yes to it (yet). */
  session?: string;
  /** The refusal, which ends the asking. */
  refusal?: string;
}

/** Users: each asks patiently for sessions, and ends some of them. */
export class Load {
  readonly asked: Asked[] = [];
  readonly #stand: Stand;
  readonly #random: Random;
  readonly #runId: string;
  readonly #marks: string;
  readonly #endings = new Set<Promise<void>>();

  constructor(
    stand: Stand,
    { random, runId }: { readonly random: Random; readonly runId: string },
  ) {
    this.#stand = stand;
    this.#random = random;
    this.#runId = runId;
    this.#marks = join(stand.directory, 'marks');
    mkdirSync(this.#marks);
  }

  /** Until the signal fires; then what was asked for is still waited for. */
  async run(signal: AbortSignal): Promise<void> {
    const work = async (): Promise<void> => {
      while (!signal.aborted) {
        await this.#one();
        const pauseMs = this.#random.between(0, PAUSE_MS_MAX);
        await systemClock.sleep(pauseMs, signal).catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    await Promise.all(this.#endings);
  }

  /** Asks for what was asked for once more; the sessions must be those that are there. */
  async askAgain(asked: Asked): Promise<{ readonly session: string; readonly isCreated: boolean }> {
    const { session, isCreated } = await this.#stand.client.createSession(this.#inputOf(asked));
    return { session: session.id, isCreated };
  }

  /** How often each session's program was really started, by session. */
  programStarts(): ReadonlyMap<string, number> {
    return new Map(
      readdirSync(this.#marks).map((name) => [
        name,
        readFileSync(join(this.#marks, name), 'utf8').trim().split('\n').length,
      ]),
    );
  }

  async #one(): Promise<void> {
    const number = this.asked.length;
    const kind = this.#random.pick(KINDS);
    const name = `chaos-${number}`;
    const asked: Asked = { key: `${this.#runId}-${number}`, name, kind };
    this.asked.push(asked);
    try {
      if (kind === 'cluster') await this.#enqueue(asked);
      else
        asked.session = (await this.#stand.client.createSession(this.#inputOf(asked))).session.id;
    } catch (error) {
      asked.refusal = String(error);
    }
    const { session } = asked;
    if (kind === 'ended' && session !== undefined) this.#endLater(session);
  }

  #endLater(session: string): void {
    const afterMs = this.#random.between(0, END_AFTER_MS_MAX);
    const mode = this.#random.pick(['FORCE', 'GRACEFUL'] as const);
    const ending = systemClock
      .sleep(afterMs)
      .then(() => this.#stand.client.terminateSession({ id: session, mode }))
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
  }

  /** The same for one key at every call. */
  #inputOf({ key, name, kind }: Asked): CreateSessionInput {
    const numbers = Number.parseInt(derivedId(key).slice(0, 8), 16);
    const runMs = numbers % RUN_MS_MAX;
    const shared = { name, idempotencyKey: key, memory: '16m' };
    const simulated = (behaviour: object): CreateSessionInput => ({
      ...shared,
      cpu: '0.5',
      image: IMAGE,
      environ: { ORRERY_SIMULATION: JSON.stringify(behaviour) },
    });
    switch (kind) {
      case 'batch':
        return { ...simulated({ runMs }), type: 'BATCH', command: ['true'] };
      case 'failing':
        return { ...simulated({ failsAt: 'create' }), type: 'BATCH', command: ['true'] };
      case 'own-end':
        return { ...simulated({ runMs }), type: 'INTERACTIVE' };
      case 'process': {
        const seconds = ((runMs % 1_000) / 1_000).toFixed(2);
        const mark = join(this.#marks, name);
        const script = `echo started >> '${mark}'; sleep ${seconds}`;
        const place = { image: 'host', resourceGroup: 'process', cpu: '0.1' };
        return { ...shared, ...place, type: 'BATCH', command: ['sh', '-c', script] };
      }
      case 'ended':
      case 'left':
      case 'cluster':
        return { ...simulated({}), type: 'INTERACTIVE' };
    }
  }

  /** Several kernels on several nodes: the gateway has no words for that yet, the actors have. */
  async #enqueue(asked: Asked): Promise<void> {
    const session = derivedId(asked.key);
    const runMs = this.#random.between(0, RUN_MS_MAX);
    const kernels = [0, 1].map((index) => ({
      id: derivedId(asked.key, String(index)),
      role: index === 0 ? ('main' as const) : ('sub' as const),
      index: 1,
      localRank: index,
      hostname: `kernel${index}`,
      image: IMAGE,
      slots: { cpu: '0.5', mem: '1048576' },
    }));
    const command: SessionCommand = {
      type: 'enqueue',
      request: {
        name: asked.name,
        sessionType: 'batch',
        owner: {
          userId: derivedId('chaos'),
          email: 'chaos@orrery.local',
          projectId: 'default',
          domain: 'default',
        },
        resourceGroup: 'default',
        clusterMode: 'multi-node',
        priority: 10,
        environ: { ORRERY_SIMULATION: JSON.stringify({ runMs }) },
        command: ['true'],
        kernels,
      },
    };
    const atMs = systemClock.nowMs();
    const envelope: CommandEnvelope = {
      id: newId(atMs),
      aggregate: 'session',
      aggregateId: session,
      actor: { kind: 'user', id: derivedId('chaos') },
      sentAtMs: atMs,
      command,
    };
    for (;;) {
      try {
        const patience = AbortSignal.timeout(ANSWER_MS_MAX);
        const outcome = await this.#stand.bus.inbox.request(envelope, patience);
        if (outcome.ok) asked.session = session;
        else asked.refusal = outcome.error.message;
        return;
      } catch {
        await systemClock.sleep(ASK_AGAIN_MS);
      }
    }
  }
}
