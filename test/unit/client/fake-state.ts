import { EventEmitter, once } from 'node:events';
import mercurius from 'mercurius';
import type {
  Agent,
  Image,
  Page,
  Session,
  SessionEvent,
  SessionStatus,
  User,
} from '../../../gateway/client/model.ts';

export const SESSION_ID = '0190b0c8-0000-7000-8000-000000000001';
const AT = '2026-11-20T12:00:00.000Z';

export const user: User = {
  id: '0190b0c8-0000-7000-8000-0000000000aa',
  email: 'admin@orrery.test',
  username: 'admin',
  role: 'superadmin',
  domain: 'default',
  projectId: 'default',
};

export function fakeSession(parts: Partial<Session> = {}): Session {
  return {
    id: SESSION_ID,
    name: 'quiet-owl',
    type: 'BATCH',
    status: 'PENDING',
    statusInfo: null,
    statusMessage: null,
    result: 'UNDEFINED',
    exitCode: null,
    image: 'python:3.13',
    command: ['python3', '-c', 'print(42)'],
    owner: user,
    accessKey: 'AKIAORRERYTEST000001',
    projectId: 'default',
    domain: 'default',
    resourceGroup: 'default',
    priority: 10,
    tag: null,
    environ: {},
    clusterMode: 'SINGLE_NODE',
    clusterSize: 1,
    requestedSlots: { cpu: '1', mem: '1073741824' },
    occupiedSlots: {},
    kernels: [],
    statusHistory: { PENDING: AT },
    createdAt: AT,
    startedAt: null,
    terminatedAt: null,
    revision: 0,
    ...parts,
  };
}

export const agent: Agent = {
  id: 'local',
  status: 'ALIVE',
  isSchedulable: true,
  troubles: [],
  driver: 'docker',
  architecture: 'x86_64',
  resourceGroup: 'default',
  version: '0.1.0',
  availableSlots: { cpu: '4', mem: '8589934592' },
  occupiedSlots: { cpu: '1', mem: '1073741824' },
  liveKernels: 1,
  registeredAt: AT,
  lostAt: null,
};

export const image: Image = {
  id: 'f'.repeat(32),
  reference: 'python:3.13',
  registry: 'docker.io',
  aliases: [],
  architectures: ['x86_64'],
  sizeBytes: 157_286_400,
  agentIds: ['local'],
  labels: {},
  registeredAt: AT,
  isDefault: true,
};

export function page<Node>(nodes: readonly Node[]): Page<Node> {
  return {
    edges: nodes.map((node, index) => ({ cursor: String(index), node })),
    pageInfo: {
      hasNextPage: false,
      hasPreviousPage: false,
      startCursor: nodes.length === 0 ? null : '0',
      endCursor: nodes.length === 0 ? null : String(nodes.length - 1),
    },
    totalCount: nodes.length,
  };
}

export function noSuchSession(): Error {
  return new mercurius.ErrorWithProps('there is no such session', { code: 'session-not-found' });
}

interface Running {
  session: Session;
  readonly events: SessionEvent[];
  readonly log: { readonly source: string; readonly data: Buffer }[];
  isLogComplete: boolean;
}

/** What the fake gateway knows; it survives its restarts. */
export class FakeState {
  readonly sessions = new Map<string, Running>();
  readonly terminated: { readonly id: string; readonly mode: string }[] = [];
  /** Filters of calls that end many. */
  readonly endedBy: object[] = [];
  readonly created: Record<string, unknown>[] = [];
  readonly #changes: { readonly cursor: string; readonly session: Session }[] = [];
  readonly #bell = new EventEmitter().setMaxListeners(0);
  #logsWithheld = 0;

  add(session: Session): void {
    this.sessions.set(session.id, { session, events: [], log: [], isLogComplete: false });
    this.emit(session.id, 'PENDING');
  }

  /** The session enters a status, by one event. */
  emit(id: string, status: SessionStatus, parts: Partial<Session> = {}): void {
    const running = sessionOf(this, id);
    const revision = running.events.length + 1;
    running.events.push({
      sessionId: id,
      revision,
      type: `session-${status.toLowerCase()}`,
      recordedAt: AT,
      status,
      kernelId: null,
      kernelStatus: null,
      details: {},
    });
    running.session = { ...running.session, ...parts, status, revision };
    this.#changes.push({ cursor: String(this.#changes.length + 1), session: running.session });
    this.#bell.emit('ring');
  }

  print(id: string, text: string, source: 'stdout' | 'stderr' = 'stdout'): void {
    sessionOf(this, id).log.push({ source, data: Buffer.from(text) });
    this.#bell.emit('ring');
  }

  endLog(id: string): void {
    sessionOf(this, id).isLogComplete = true;
    this.#bell.emit('ring');
  }

  async *events(id: string, fromRevision: number): AsyncGenerator<SessionEvent, void> {
    for (let next = fromRevision; ; ) {
      const { events } = sessionOf(this, id);
      const event = events[next - 1];
      if (event !== undefined) {
        next += 1;
        yield event;
      } else if (['TERMINATED', 'CANCELLED', 'ERROR'].includes(events.at(-1)?.status ?? '')) {
        return;
      } else {
        await this.#ring();
      }
    }
  }

  async *changes(after: string | undefined): AsyncGenerator<unknown, void> {
    for (let next = after === undefined ? this.#changes.length : Number(after); ; ) {
      const change = this.#changes[next];
      if (change === undefined) {
        await this.#ring();
      } else {
        next += 1;
        yield change;
      }
    }
  }

  /** So many logs are completed before they have given anything, as by a gateway that cannot say. */
  withholdLogs(count: number): void {
    this.#logsWithheld = count;
  }

  async *logs(given: { id: string; offset: number; follow: boolean }): AsyncGenerator<unknown> {
    let { offset } = given;
    if (this.#logsWithheld > 0) {
      this.#logsWithheld -= 1;
      return;
    }
    for (;;) {
      const running = sessionOf(this, given.id);
      let start = 0;
      for (const { source, data } of [...running.log]) {
        const end = start + data.length;
        if (end > offset) {
          const rest = data.subarray(Math.max(0, offset - start));
          offset = end;
          yield { offset: end, source, data: rest.toString('base64'), isLast: false };
        }
        start = end;
      }
      const bytes = running.log.reduce((sum, { data }) => sum + data.length, 0);
      if (bytes > offset) continue;
      if (running.isLogComplete) {
        yield { offset, source: 'stdout', data: '', isLast: true };
        return;
      }
      if (!given.follow) return;
      await this.#ring();
    }
  }

  #ring(): Promise<unknown> {
    return once(this.#bell, 'ring', { signal: AbortSignal.timeout(20_000) });
  }

  get operations(): Record<string, (given: Record<string, unknown>) => unknown> {
    return {
      viewer: () => user,
      session: ({ id }) => this.sessions.get(String(id))?.session ?? null,
      sessions: ({ filter }) => page(this.#matching(filter as SessionMatch | undefined)),
      sessionAt: ({ id }) => this.sessions.get(String(id))?.session ?? null,
      agents: () => page([agent]),
      images: () => page([image]),
      createSession: ({ input }) => this.#create(input as Record<string, unknown>),
      terminateSession: ({ input }) => {
        const { id, mode } = input as { id: string; mode: string };
        this.terminated.push({ id, mode });
        this.#bell.emit('terminate', mode);
        return { session: sessionOf(this, id).session };
      },
      terminateSessions: ({ input }) => this.#terminateMany(input as { filter: SessionMatch }),
    };
  }

  /** Two at a time, so that whoever wants all has to ask again; those named `stubborn` refuse it. */
  #terminateMany({ filter }: { readonly filter: SessionMatch }): unknown {
    this.endedBy.push(filter);
    const isStubborn = ({ name }: Session): boolean => name === 'stubborn';
    const matching = this.#matching({ ...filter, isLive: true }).toSorted(
      (left, right) => Number(isStubborn(left)) - Number(isStubborn(right)),
    );
    const taken = matching.slice(0, 2);
    const ended = taken.filter((session) => !isStubborn(session));
    for (const { id } of ended) this.emit(id, 'CANCELLED');
    return {
      sessionIds: ended.map(({ id }) => id),
      refused: taken.filter(isStubborn).map(({ id }) => ({
        sessionId: id,
        rejection: { code: 'event-refused', message: 'it does not want to', field: null },
      })),
      hasMore: matching.length > taken.length,
    };
  }

  /** Calls back for every request to end a session. */
  onTerminate(listener: (mode: string) => void): void {
    this.#bell.on('terminate', listener);
  }

  onCreate(listener: (session: Session) => void): void {
    this.#bell.on('create', listener);
  }

  #create(input: Record<string, unknown>): unknown {
    this.created.push(input);
    if (
      this.created.some(
        (earlier, index) =>
          index < this.created.length - 1 && earlier['idempotencyKey'] === input['idempotencyKey'],
      )
    ) {
      return { session: sessionOf(this, SESSION_ID).session, isCreated: false };
    }
    const session = fakeSession({ name: String(input['name'] ?? 'quiet-owl') });
    this.add(session);
    setImmediate(() => this.#bell.emit('create', session));
    return { session, isCreated: true };
  }

  #matching(filter: SessionMatch | undefined): readonly Session[] {
    return [...this.sessions.values()]
      .map(({ session }) => session)
      .filter(({ name }) => filter?.name === undefined || filter.name === name)
      .filter(
        ({ status }) =>
          filter?.isLive !== true || !['TERMINATED', 'CANCELLED', 'ERROR'].includes(status),
      );
  }
}

interface SessionMatch {
  readonly name?: string;
  readonly ownerId?: string;
  readonly isLive?: boolean;
}

export function sessionOf(state: FakeState, id: string): Running {
  const running = state.sessions.get(id);
  if (running === undefined) throw noSuchSession();
  return running;
}
