import {
  type AggregateName,
  type ArchiveEvent,
  BUILT_IN_POLICIES,
  type Commit,
  DEFAULT_DOMAIN_SETTINGS,
  DEFAULT_GROUP_POLICY,
  type DomainEvent,
  derivedId,
  directoryId,
  type ImageEvent,
  imageId,
  type KeypairEvent,
  type NodeEvent,
  type PolicyEvent,
  type PresetEvent,
  type ProjectEvent,
  presetId,
  type RecordedCommit,
  type RegistryEvent,
  registryId,
  type SchedulerEvent,
  type SessionEvent,
  type UserEvent,
} from '@orrery/bus';

interface EventOf {
  readonly session: SessionEvent;
  readonly scheduler: SchedulerEvent;
  readonly node: NodeEvent;
  readonly image: ImageEvent;
  readonly user: UserEvent;
  readonly keypair: KeypairEvent;
  readonly archive: ArchiveEvent;
  readonly preset: PresetEvent;
  readonly domain: DomainEvent;
  readonly project: ProjectEvent;
  readonly policy: PolicyEvent;
  readonly registry: RegistryEvent;
}

const BEGAN_AT_MS = Date.UTC(2026, 10, 20, 12);
const BETWEEN_COMMITS_MS = 1_000;

/** A log written by hand: sequences, revisions and times are counted on. */
export class LogBook {
  readonly commits: RecordedCommit[] = [];
  readonly #revisions = new Map<string, number>();
  readonly #name: string;

  /** Books of one log have different names: their commits are different. */
  constructor(name = 'book') {
    this.#name = name;
  }

  write<Name extends AggregateName>(
    aggregate: Name,
    aggregateId: string,
    ...events: readonly EventOf[Name][]
  ): RecordedCommit {
    const place = `${aggregate}.${aggregateId}`;
    const revision = this.#revisions.get(place) ?? 0;
    this.#revisions.set(place, revision + events.length);
    const sequence = this.commits.length + 1;
    const commit: RecordedCommit = {
      id: derivedId(this.#name, String(sequence), place),
      aggregate,
      aggregateId,
      firstRevision: revision + 1,
      schemaVersion: 1,
      recordedAtMs: timeOf(sequence),
      actor: { kind: 'system', id: 'test' },
      commandId: `command-${sequence}`,
      commandType: 'test',
      inboxSequence: sequence,
      previousHash: '',
      events,
      sequence,
      hash: `hash-${sequence}`,
    };
    this.commits.push(commit);
    return commit;
  }
}

export function timeOf(sequence: number): number {
  return BEGAN_AT_MS + sequence * BETWEEN_COMMITS_MS;
}

export function isoTimeOf(sequence: number): string {
  return new Date(timeOf(sequence)).toISOString();
}

/** What the appender of a real log takes: without what the log itself adds. */
export function unrecorded(commit: RecordedCommit): Commit {
  const { sequence: _sequence, hash: _hash, ...rest } = commit;
  return rest;
}

export const OWNER = derivedId('user', 'owner');
export const STRANGER = derivedId('user', 'stranger');
export const NODE = 'node-a';
export const IMAGE = 'python:3.13';
const LIFO = { ...DEFAULT_GROUP_POLICY, ordering: 'lifo' } as const;
export const PRESET = presetId('small', undefined);
export const ACCESS_KEY = 'AKIA0123456789ABCDEF';

export const sessionIdOf = (name: string): string => derivedId('session', name);
export const kernelIdOf = (name: string, rank = 0): string =>
  derivedId('kernel', name, String(rank));

export function enqueued(
  name: string,
  options: {
    readonly kernels?: number;
    readonly sessionType?: 'interactive' | 'batch';
    readonly owner?: string;
  } = {},
): Extract<SessionEvent, { readonly type: 'session-enqueued' }> {
  const { kernels = 1, sessionType = 'interactive', owner = OWNER } = options;
  return {
    type: 'session-enqueued',
    session: sessionIdOf(name),
    request: {
      name,
      sessionType,
      owner: {
        userId: owner,
        email: 'owner@example.org',
        accessKey: ACCESS_KEY,
        projectId: 'default',
        domain: 'default',
      },
      resourceGroup: 'default',
      clusterMode: 'single-node',
      priority: 10,
      environ: { MODE: 'test' },
      command: sessionType === 'batch' ? ['true'] : null,
      kernels: Array.from({ length: kernels }, (_, rank) => ({
        id: kernelIdOf(name, rank),
        role: rank === 0 ? ('main' as const) : ('sub' as const),
        index: rank === 0 ? 1 : rank,
        localRank: rank,
        hostname: rank === 0 ? 'main1' : `sub${rank}`,
        image: IMAGE,
        slots: { cpu: '0.5', mem: '1024' },
      })),
    },
  };
}

export function placementsOf(name: string, kernels = 1, node = NODE) {
  return Array.from({ length: kernels }, (_, rank) => ({
    kernel: kernelIdOf(name, rank),
    node,
    slots: { cpu: '0.5', mem: '1024' },
  }));
}

export function queued(
  name: string,
  attempt = 1,
): Extract<SchedulerEvent, { readonly type: 'session-queued' }> {
  const { request } = enqueued(name);
  return {
    type: 'session-queued',
    queued: {
      session: sessionIdOf(name),
      attempt,
      resourceGroup: 'default',
      clusterMode: 'single-node',
      priority: 10,
      owner: { userId: OWNER, projectId: 'default', domain: 'default' },
      kernels: request.kernels.map(({ id, slots }) => ({ kernel: id, slots })),
    },
  };
}

/** The steps of a session's life with the scheduler's commits between them, each one commit. */
export function lifeOf(
  name: string,
  options: { readonly kernels?: number; readonly owner?: string } = {},
): readonly ((book: LogBook) => void)[] {
  const { kernels = 1 } = options;
  const session = sessionIdOf(name);
  const ids = Array.from({ length: kernels }, (_, rank) => kernelIdOf(name, rank));
  const placements = placementsOf(name, kernels);
  const each = <Event>(event: (kernel: string) => Event): Event[] => ids.map(event);
  return [
    (book) => book.write('session', session, enqueued(name, options)),
    (book) =>
      book.write('scheduler', 'main', queued(name), {
        type: 'session-held',
        session,
        reason: { code: 'not-enough-slots', message: 'No node has 0.5 cpu.' },
      }),
    (book) =>
      book.write('scheduler', 'main', { type: 'session-placed', session, attempt: 1, placements }),
    (book) =>
      book.write(
        'session',
        session,
        { type: 'session-scheduled', attempt: 1, placements },
        ...placements.map(({ kernel, node, slots }) => ({
          type: 'kernel-scheduled' as const,
          kernel,
          node,
          slots,
        })),
        ...each((kernel) => ({ type: 'kernel-preparing' as const, kernel })),
        { type: 'session-preparing' },
      ),
    (book) =>
      book.write(
        'session',
        session,
        ...each((kernel) => ({ type: 'kernel-prepared' as const, kernel })),
        { type: 'session-prepared' },
        ...each((kernel) => ({ type: 'kernel-creating' as const, kernel })),
        { type: 'session-creating' },
      ),
    (book) =>
      book.write(
        'session',
        session,
        ...each((kernel) => ({
          type: 'kernel-running' as const,
          kernel,
          containerId: `container-of-${kernel}`,
          startedAtMs: timeOf(1) + 0.75,
        })),
        { type: 'session-running' },
      ),
    (book) =>
      book.write(
        'session',
        session,
        { type: 'session-terminating', reason: 'user-requested', mode: 'graceful' },
        ...each((kernel) => ({ type: 'kernel-terminating' as const, kernel })),
      ),
    (book) =>
      book.write(
        'session',
        session,
        ...each((kernel) => ({
          type: 'kernel-terminated' as const,
          kernel,
          reason: 'user-requested',
          exitCode: 143,
          wasOutOfMemory: false,
          finishedAtMs: null,
        })),
        { type: 'session-terminated', reason: 'user-requested' },
      ),
    (book) => book.write('scheduler', 'main', { type: 'allocation-released', session }),
  ];
}

/** A node, an image, a user and a key pair, each with a life of its own. */
export function furniture(): readonly ((book: LogBook) => void)[] {
  const kernel = kernelIdOf('life-6', 1);
  const code = 'kernel-will-not-end' as const;
  const stuck = { code, message: 'it goes on', sinceMs: timeOf(1), kernel };
  const facts = {
    driver: 'docker' as const,
    architecture: 'x86_64',
    resourceGroup: 'default',
    slots: { cpu: '8', mem: '16384' },
    version: '0.1.0',
    troubles: [stuck],
  };
  const image = imageId(IMAGE);
  const imageFacts = {
    digest: 'sha256:1',
    architecture: 'x86_64',
    sizeBytes: 7,
    labels: { a: 'b' },
  };
  return [
    (book) => book.write('node', NODE, { type: 'node-registered', node: NODE, facts }),
    (book) => book.write('image', image, { type: 'image-registered', reference: IMAGE }),
    (book) => book.write('image', image, { type: 'image-found', node: NODE, facts: imageFacts }),
    (book) =>
      book.write('user', OWNER, {
        type: 'user-registered',
        user: OWNER,
        profile: {
          email: 'Owner@Example.org',
          username: 'owner',
          role: 'user',
          domain: 'default',
          projectId: 'default',
        },
        passwordHash: '$scrypt$1',
      }),
    (book) =>
      book.write('keypair', ACCESS_KEY, {
        type: 'keypair-created',
        accessKey: ACCESS_KEY,
        userId: OWNER,
        sealedSecret: 'sealed',
        isAdmin: false,
        rateLimit: 10_000,
      }),
    (book) => book.write('node', NODE, { type: 'node-lost', lastSeenAtMs: timeOf(0) }),
    (book) =>
      book.write('user', OWNER, { type: 'user-password-changed', passwordHash: '$scrypt$2' }),
    (book) => book.write('node', NODE, { type: 'node-returned' }),
    (book) => book.write('image', image, { type: 'image-gone', node: NODE }),
    (book) =>
      book.write('preset', PRESET, {
        type: 'preset-created',
        name: 'small',
        slots: { cpu: '1', mem: '1024' },
        sharedMemoryBytes: 64,
      }),
    (book) =>
      book.write(
        'preset',
        PRESET,
        { type: 'preset-slots-set', slots: { cpu: '2', mem: '1024' } },
        { type: 'preset-shared-memory-set', sharedMemoryBytes: null },
      ),
    (book) => book.write('preset', PRESET, { type: 'preset-deleted' }),
    (book) =>
      book.write(
        'scheduler',
        'main',
        { type: 'group-policy-set', group: 'gpu', policy: DEFAULT_GROUP_POLICY },
        { type: 'limits-set', scope: 'user', key: OWNER, limits: { total: { cpu: '4' } } },
      ),
    (book) =>
      book.write(
        'scheduler',
        'main',
        { type: 'group-policy-set', group: 'gpu', policy: LIFO },
        { type: 'limits-set', scope: 'domain', key: 'default', limits: { total: { cpu: '1' } } },
        { type: 'limits-set', scope: 'user', key: OWNER, limits: null },
      ),
    ...directorySteps(),
    ...imageSteps(),
  ];
}

/** What is said of registries, of what they have, and of aliases. */
function imageSteps(): readonly ((book: LogBook) => RecordedCommit)[] {
  const [name, alias] = ['registry.example.test', 'python'];
  const target = `${name}/team/python:3`;
  const scanned = { digest: 'sha256:2', architecture: 'aarch64', sizeBytes: 7, labels: { a: 'b' } };
  return [
    (book) =>
      book.write(
        'registry',
        registryId(name),
        { type: 'registry-created', name, url: `https://${name}` },
        { type: 'registry-project-set', project: 'team' },
        { type: 'registry-login-set', username: 'puller', sealedPassword: 'sealed' },
      ),
    (book) =>
      book.write(
        'image',
        imageId(target),
        { type: 'image-registered', reference: target },
        { type: 'image-scanned', platforms: [scanned] },
      ),
    (book) => book.write('image', imageId(alias), { type: 'image-aliased', alias, target }),
    (book) =>
      book.write('registry', registryId(name), { type: 'registry-url-set', url: 'http://a.test' }),
  ];
}

/** What is said of domains, projects, policies, and again of users and key pairs. */
function directorySteps(): readonly ((book: LogBook) => RecordedCommit)[] {
  const [policy] = BUILT_IN_POLICIES;
  const policyId = directoryId('policy', 'keypair', 'default');
  return [
    (book) =>
      book.write('domain', directoryId('domain', 'physics'), {
        type: 'domain-created',
        name: 'physics',
        settings: { ...DEFAULT_DOMAIN_SETTINGS, totalResourceSlots: { cpu: '8' } },
      }),
    (book) =>
      book.write('domain', directoryId('domain', 'physics'), {
        type: 'domain-changed',
        changes: { isActive: false },
      }),
    (book) =>
      book.write('project', 'optics', {
        type: 'project-created',
        domain: 'physics',
        projectType: 'general',
        settings: {
          name: 'optics',
          description: '',
          isActive: true,
          totalResourceSlots: {},
          allowedVfolderHosts: { 'local:volume1': ['mount-in-session'] },
          integrationId: '',
          resourcePolicy: 'default',
          containerRegistry: null,
        },
      }),
    (book) => book.write('project', 'optics', { type: 'project-purged' }),
    (book) =>
      book.write('policy', policyId, {
        type: 'policy-set',
        name: 'default',
        policy: policy ?? expected(),
      }),
    (book) => book.write('policy', policyId, { type: 'policy-bound', holder: ACCESS_KEY }),
    (book) =>
      book.write(
        'user',
        OWNER,
        {
          type: 'user-changed',
          changes: { fullName: 'The Owner', allowedClientIp: ['10.0.0.0/8'] },
        },
        { type: 'user-projects-set', projects: [{ projectId: 'optics', role: 'admin' }] },
        { type: 'user-status-set', status: 'deleted', statusInfo: 'admin-requested' },
      ),
    (book) =>
      book.write(
        'keypair',
        ACCESS_KEY,
        { type: 'keypair-changed', changes: { resourcePolicy: 'default', rateLimit: 5 } },
        { type: 'keypair-secret-rotated', sealedSecret: 'sealed anew' },
        { type: 'keypair-deleted' },
      ),
  ];
}

function expected(): never {
  throw new Error('there is a built-in policy');
}
