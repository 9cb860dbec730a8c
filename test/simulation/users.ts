import { derivedId, type SessionRequest } from '@orrery/bus';
import type { Asking } from './gateway-model.ts';
import type { Random } from './random.ts';

/** Those who ask for sessions and for their end, through gateways that do not give up. */
export class Users {
  /** Sessions whose creation was answered with yes. */
  readonly accepted = new Set<string>();
  /** Sessions whose end was answered with yes. */
  readonly ended = new Set<string>();
  readonly #parts: UserParts;

  constructor(parts: UserParts) {
    this.#parts = parts;
  }

  async create(index: number): Promise<void> {
    const { random, further, ask } = this.#parts;
    const session = sessionId(index);
    const request = { ...drawRequest(random, index), ...drawTerms(further) };
    const outcome = await ask('session', session, { type: 'enqueue', request });
    if (outcome.ok) this.accepted.add(session);
  }

  async terminate(index: number): Promise<void> {
    const [mode, reason] = this.#parts.random.chance(0.5)
      ? (['force', 'force-terminated'] as const)
      : (['graceful', 'user-requested'] as const);
    const session = sessionId(index);
    const outcome = await this.#parts.ask('session', session, { type: 'terminate', mode, reason });
    if (outcome.ok) this.ended.add(session);
  }

  async prioritise(index: number): Promise<void> {
    const priority = this.#parts.further.between(0, 100);
    await this.#parts.ask('session', sessionId(index), { type: 'set-priority', priority });
  }
}

interface UserParts {
  readonly random: Random;
  /** Draws what only administered worlds look at: the others stay as they were. */
  readonly further: Random;
  readonly ask: Asking;
}

/** A session's user and key pair: few, so that they meet the limits of one another. */
export const USERS = ['ann', 'bob'];

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

/** Whose it is, and what it may do to others. */
function drawTerms(random: Random): Partial<SessionRequest> {
  const user = random.pick(USERS);
  const placementGroup = {
    name: random.pick(['replicas', 'shards']),
    direction: random.pick(['spread', 'pack'] as const),
    enforcement: random.pick(['preferred', 'strict'] as const),
  };
  return {
    owner: {
      userId: derivedId(user),
      email: `${user}@b.test`,
      accessKey: user.toUpperCase(),
      projectId: 'default',
      domain: 'default',
    },
    jobPriority: random.between(0, 3),
    isPreemptible: random.chance(0.8),
    ...(random.chance(0.2) ? { placementGroup } : {}),
  };
}
