import {
  type Bus,
  type Clock,
  derivedId,
  type Outcome,
  type SessionCommand,
  type SessionRequest,
} from '@orrery/bus';
import type { Random } from './random.ts';

const PATIENCE_MS = 30_000;
const RETRY_MS = 1000;

/** Those who ask for sessions and for their end, through gateways that do not give up. */
export class Users {
  /** Sessions whose creation was answered with yes. */
  readonly accepted = new Set<string>();
  /** Sessions whose end was answered with yes. */
  readonly ended = new Set<string>();
  readonly #parts: UserParts;
  #unanswered = 0;
  #sent = 0;

  constructor(parts: UserParts) {
    this.#parts = parts;
  }

  /** Commands that wait for their answer. */
  get unanswered(): number {
    return this.#unanswered;
  }

  async create(index: number): Promise<void> {
    const { random } = this.#parts;
    const session = sessionId(index);
    const outcome = await this.#send(session, {
      type: 'enqueue',
      request: drawRequest(random, index),
    });
    if (outcome.ok) this.accepted.add(session);
  }

  async terminate(index: number): Promise<void> {
    const [mode, reason] = this.#parts.random.chance(0.5)
      ? (['force', 'force-terminated'] as const)
      : (['graceful', 'user-requested'] as const);
    const session = sessionId(index);
    const outcome = await this.#send(session, { type: 'terminate', mode, reason });
    if (outcome.ok) this.ended.add(session);
  }

  /** As a gateway sends: the same command again until it is answered. */
  async #send(session: string, command: SessionCommand): Promise<Outcome> {
    const { clock, connect } = this.#parts;
    this.#unanswered += 1;
    const envelope = {
      id: derivedId(session, command.type, String(this.#sent++)),
      aggregate: 'session' as const,
      aggregateId: session,
      actor: { kind: 'user' as const, id: 'user' },
      sentAtMs: clock.nowMs(),
      command,
    };
    const bus = connect();
    for (;;) {
      const patience = new AbortController();
      const answered = new AbortController();
      clock.sleep(PATIENCE_MS, answered.signal).then(
        () => patience.abort(NO_ANSWER),
        () => undefined,
      );
      try {
        const outcome = await bus.inbox.request(envelope, patience.signal);
        this.#unanswered -= 1;
        return outcome;
      } catch {
        await clock.sleep(RETRY_MS);
      } finally {
        answered.abort(ANSWERED);
      }
    }
  }
}

interface UserParts {
  readonly random: Random;
  readonly clock: Clock;
  readonly connect: () => Bus;
}

const NO_ANSWER = new Error('no answer came in time');
const ANSWERED = new Error('an answer came');

function sessionId(index: number): string {
  return derivedId('session', String(index));
}

function drawRequest(random: Random, index: number): SessionRequest {
  const isBatch = random.chance(0.6);
  const kernels = Array.from({ length: random.pick([1, 1, 2, 3]) }, (_, rank) => ({
    id: derivedId('kernel', String(index), String(rank)),
    role: rank === 0 ? ('main' as const) : ('sub' as const),
    index: 1,
    localRank: rank,
    hostname: `kernel${rank}`,
    image: 'simulated',
    slots: { cpu: random.pick(['0.5', '1', '2']), mem: '1' },
  }));
  return {
    name: `session-${index}`,
    sessionType: isBatch ? 'batch' : 'interactive',
    owner: {
      userId: derivedId('user'),
      email: 'a@b.test',
      projectId: 'default',
      domain: 'default',
    },
    resourceGroup: 'default',
    clusterMode: random.pick(['single-node', 'multi-node']),
    priority: random.between(0, 100),
    environ: {},
    command: isBatch ? ['true'] : null,
    kernels,
  };
}
