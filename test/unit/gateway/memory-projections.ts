import {
  type Bus,
  ImageEvent,
  imageId,
  NodeEvent,
  ok,
  PresetEvent,
  type RecordedCommit,
  RegistryEvent,
  SchedulerEvent,
  subjects,
} from '@orrery/bus';
import {
  type AgentRow,
  type AuditRange,
  type AuditRow,
  foldSession,
  type HeldTimeRequest,
  type ImageRow,
  isVisible,
  type Owner,
  type PageRequest,
  type PresetRow,
  type Projections,
  type QueueRow,
  type QuotaListing,
  type RegistryRow,
  type SessionOwner,
  type SessionRow,
  type SessionWithKernels,
  type Visibility,
} from '@orrery/projections';
import { ClusterFold } from '../../../projections/cluster-fold.ts';
import { projectImage } from '../../../projections/images.ts';
import { projectPreset } from '../../../projections/presets.ts';
import { projectRegistry } from '../../../projections/registries.ts';
import {
  projectScheduling,
  type Scheduling,
  sessionOfSchedulerEvent,
} from '../../../projections/scheduling.ts';

import { MemoryDirectory, pageOf } from './memory-directory.ts';
import { MemoryPolicies } from './memory-policies.ts';
import { type HeldInMemory, memoryHeldTime, memoryQuotas } from './memory-usage.ts';

/** The projections' port over maps, folded from the log of a memory bus as it comes. */
export class MemoryProjections extends MemoryDirectory implements Projections {
  readonly #commits: RecordedCommit[] = [];
  readonly #images = new Map<string, ImageRow>();
  readonly #nodes = new Map<string, AgentRow>();
  readonly #presets = new Map<string, PresetRow>();
  readonly #registries = new Map<string, RegistryRow>();
  readonly #policies = new MemoryPolicies();
  readonly #schedulings = new Map<string, Scheduling>();
  #sequence = 0;
  #released: Promise<void> = Promise.resolve();
  /** Reads of rows that a cache should spare. */
  readonly reads: string[] = [];

  /** Nothing was measured in a memory. */
  async statisticsSeries(): ReturnType<Projections['statisticsSeries']> {
    return ok([]);
  }

  async run(bus: Bus, signal: AbortSignal): Promise<void> {
    for await (const commits of bus.log.follow({ afterSequence: 0, signal })) {
      await this.#released;
      for (const commit of commits) this.#project(commit);
      bus.live.publish(subjects.projected, { sequence: this.#sequence });
    }
  }

  /** Takes no more commits until what it returns is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#released = promise;
    return resolve;
  }

  async findWaiting(sessionId: string): Promise<QueueRow | undefined> {
    const row = this.#schedulings.get(sessionId)?.queue;
    return row?.isWaiting === true ? row : undefined;
  }

  async findSession(id: string, visibility: Visibility): Promise<SessionRow | undefined> {
    return this.#sessions(visibility).find(({ session }) => session.id === id)?.session;
  }

  async listSessions(listing: Parameters<Projections['listSessions']>[0]) {
    const { statuses, name, isLive, ownerUserId, projectId } = listing.filter ?? {};
    const rows = this.#sessions(listing.visibility)
      .map(({ session }) => session)
      .filter((row) => statuses?.includes(row.status) ?? true)
      .filter((row) => name === undefined || row.name === name)
      .filter((row) => ownerUserId === undefined || row.ownerUserId === ownerUserId)
      .filter((row) => projectId === undefined || row.projectId === projectId)
      .filter((row) => isLive === undefined || isLive === (row.terminatedAtMs === null));
    return ok(pageOf(rows, listing));
  }

  async ownersOfSessions({
    limit,
    ...listing
  }: Parameters<Projections['ownersOfSessions']>[0]): Promise<readonly SessionOwner[]> {
    const { statuses } = listing.filter;
    return this.#sessions(listing.visibility)
      .map(({ session }) => session)
      .filter((row) => statuses?.includes(row.status) ?? row.terminatedAtMs === null)
      .toReversed()
      .slice(0, limit);
  }

  async sessionsByIds(ids: readonly string[], visibility: Visibility) {
    return this.#sessions(visibility)
      .map(({ session }) => session)
      .filter(({ id }) => ids.includes(id));
  }

  async kernelsOfSessions(ids: readonly string[]) {
    this.reads.push(`kernels of ${ids.length}`);
    const states = this.#sessions({ kind: 'all' });
    return states
      .filter(({ session }) => ids.includes(session.id))
      .flatMap(({ kernels }) => kernels.map((kernel) => ({ ...kernel, trouble: null })));
  }

  async sessionAt(id: string, timeMs: number, visibility: Visibility) {
    const commits = this.#commitsOf(id).filter(({ recordedAtMs }) => recordedAtMs <= timeMs);
    const state = foldSession(commits);
    return state !== undefined && isVisible(visibility, state.session) ? state : undefined;
  }

  async commitsOfSession(): Promise<readonly AuditRow[]> {
    return [];
  }

  async listNodes(request: PageRequest) {
    return ok(pageOf([...this.#nodes.values()], request));
  }

  async deviceHolders(agentIds: readonly string[], visibility: Visibility) {
    this.reads.push('device holders');
    return this.#sessions({ kind: 'all' }).flatMap((state) =>
      state.kernels
        .filter(({ agentId, devices }) => devices.length > 0 && agentIds.includes(agentId ?? ''))
        .filter(({ status }) => status === 'RUNNING')
        .map(({ id, agentId, devices }) => ({
          agentId: agentId ?? '',
          kernelId: id,
          sessionId: state.session.id,
          sessionName: state.session.name,
          isVisible: isVisible(visibility, state.session),
          devices,
        })),
    );
  }

  async listImages(request: PageRequest) {
    this.reads.push('images');
    const shown = [...this.#images.values()].filter(
      ({ isForgotten, aliasOf }) => !isForgotten && aliasOf === null,
    );
    return ok(pageOf(shown, request));
  }

  async findImage(reference: string) {
    this.reads.push(`image ${reference}`);
    const row = this.#images.get(imageId(reference));
    return row?.isForgotten === false ? row : undefined;
  }

  async listPresets({ limit }: { readonly limit: number }) {
    return [...this.#presets.values()].filter(({ isDeleted }) => !isDeleted).slice(0, limit);
  }

  async findPreset(id: string) {
    const row = this.#presets.get(id);
    return row?.isDeleted === false ? row : undefined;
  }

  async listRegistries() {
    return [...this.#registries.values()].filter(({ isDeleted }) => !isDeleted);
  }

  async findRegistry(wanted: string) {
    return (await this.listRegistries()).find(({ name }) => name === wanted);
  }

  async aliasesOf(references: readonly string[]) {
    const rows = [...this.#images.values()].filter(({ isForgotten }) => !isForgotten);
    return new Map(
      references.map((target) => [
        target,
        rows.filter(({ aliasOf }) => aliasOf === target).map(({ reference }) => reference),
      ]),
    );
  }

  async listResourceGroups({ always }: { readonly always: string }) {
    return this.#policies.groups(always, await this.#known());
  }

  async groupRules() {
    this.reads.push('group rules');
    return this.#policies.rules();
  }

  async roomOfGroup(group: string) {
    return this.#policies.room(group, await this.#known());
  }

  async findLimits(owner: Owner) {
    return this.#policies.limits(owner);
  }

  async heldBy(owner: Owner) {
    return this.#policies.held(owner, await this.#known());
  }

  async listQuotas(listing: QuotaListing) {
    return await memoryQuotas(this, listing, this.#held());
  }

  async heldTime(request: HeldTimeRequest) {
    return memoryHeldTime(request, this.#held());
  }

  #held(): HeldInMemory {
    return {
      allocations: [...this.#schedulings.values()].flatMap(({ allocations }) => allocations),
      sessions: this.#sessions({ kind: 'all' }).map(({ session }) => session),
    };
  }

  async knownSlots() {
    const names = [...this.#nodes.values()].flatMap((node) => Object.keys(node.availableSlots));
    return [...new Set(['cpu', 'mem', ...names])].toSorted();
  }

  async findUser(id: string) {
    this.reads.push(`user ${id}`);
    return this.users.get(id);
  }

  async findUserByEmail(email: string) {
    return [...this.users.values()].find(
      (user) => !user.isPurged && user.email.toLowerCase() === email.toLowerCase(),
    );
  }

  async usersOfSshKey(fingerprint: string) {
    return [...this.users.values()].filter(({ sshKeys }) =>
      sshKeys.some((key) => key.fingerprint === fingerprint),
    );
  }

  async usersByIds(ids: readonly string[]) {
    this.reads.push(`users ${ids.length}`);
    return [...this.users.values()].filter(({ id }) => ids.includes(id));
  }

  async findKeypair(accessKey: string) {
    this.reads.push(`keypair ${accessKey}`);
    const row = this.keypairs.get(accessKey);
    return row?.isDeleted === false ? row : undefined;
  }

  async auditEntries(listing: Parameters<Projections['auditEntries']>[0]) {
    const rows = this.#commits
      .filter(({ aggregate }) => aggregate === (listing.aggregate ?? aggregate))
      .filter(({ aggregateId }) => aggregateId === (listing.aggregateId ?? aggregateId))
      .map(
        (commit): AuditRow => ({
          ...commit,
          commitId: commit.id,
          actorKind: commit.actor.kind,
          actorId: commit.actor.id,
          traceparent: commit.traceparent ?? null,
          events: [...commit.events],
        }),
      );
    return ok(pageOf(rows, listing));
  }

  async clusterStatus() {
    return {
      sessionsByStatus: {},
      agentsByStatus: { ALIVE: this.#nodes.size },
      availableSlots: {},
      occupiedSlots: {},
      projectedSequence: this.#sequence,
    };
  }

  async *witnesses({ afterSequence, upToSequence, aggregate, aggregateId }: AuditRange) {
    yield this.#commits
      .filter(({ sequence }) => sequence > afterSequence && sequence <= upToSequence)
      .filter((commit) => commit.aggregate === (aggregate ?? commit.aggregate))
      .filter((commit) => commit.aggregateId === (aggregateId ?? commit.aggregateId));
  }

  async clusterAt(timeMs: number, visibility: Visibility) {
    const fold = new ClusterFold();
    for (const commit of this.#commits) if (commit.recordedAtMs <= timeMs) fold.take(commit);
    const own = new Set(this.#sessions(visibility).map(({ session }) => session.id));
    return fold.moment((session) => own.has(session));
  }

  async checkpoint() {
    return this.#sequence;
  }

  async [Symbol.asyncDispose]() {}

  async #known() {
    const all = { kind: 'all' } as const;
    return {
      nodes: [...this.#nodes.values()],
      sessions: this.#sessions(all).map(({ session }) => session),
      moment: await this.clusterAt(Number.POSITIVE_INFINITY, all),
    };
  }

  #sessions(visibility: Visibility): readonly SessionWithKernels[] {
    const ids = new Set(
      this.#commits
        .filter(({ aggregate }) => aggregate === 'session')
        .map((commit) => commit.aggregateId),
    );
    return [...ids]
      .map((id) => foldSession(this.#commitsOf(id)))
      .filter((state) => state !== undefined)
      .filter((state) => isVisible(visibility, state.session));
  }

  #commitsOf(id: string): readonly RecordedCommit[] {
    return this.#commits.filter(
      (commit) => commit.aggregate === 'session' && commit.aggregateId === id,
    );
  }

  #project(commit: RecordedCommit): void {
    this.#commits.push(commit);
    this.#sequence = commit.sequence;
    this.take(commit);
    if (commit.aggregate === 'scheduler') this.#policies.take(commit);
    if (commit.aggregate === 'scheduler') this.#projectScheduling(commit);
    for (const [index, event] of commit.events.entries()) {
      const { aggregateId: id, firstRevision, sequence, recordedAtMs } = commit;
      const at = { id, revision: firstRevision + index, sequence, recordedAtMs };
      if (commit.aggregate === 'image') {
        const row = projectImage(this.#images.get(id), ImageEvent.parse(event), at);
        if (row !== undefined) this.#images.set(id, row);
      }
      if (commit.aggregate === 'preset') {
        const row = projectPreset(this.#presets.get(id), PresetEvent.parse(event), at);
        if (row !== undefined) this.#presets.set(id, row);
      }
      if (commit.aggregate === 'registry') {
        const row = projectRegistry(this.#registries.get(id), RegistryEvent.parse(event), at);
        if (row !== undefined) this.#registries.set(id, row);
      }
      if (commit.aggregate === 'node') this.#projectNode(commit, NodeEvent.parse(event));
    }
  }

  #projectScheduling({ aggregateId: id, events, ...commit }: RecordedCommit): void {
    for (const [index, unparsed] of events.entries()) {
      const event = SchedulerEvent.parse(unparsed);
      const session = sessionOfSchedulerEvent(event);
      if (session === undefined) continue;
      const { firstRevision, sequence, recordedAtMs } = commit;
      const at = { id, revision: firstRevision + index, sequence, recordedAtMs };
      this.#schedulings.set(session, projectScheduling(this.#schedulings.get(session), event, at));
    }
  }

  #projectNode(commit: RecordedCommit, event: NodeEvent): void {
    if (event.type !== 'node-registered') return;
    const { slots, devices = [], troubles = [], ...facts } = event.facts;
    this.#nodes.set(event.node, {
      ...placeOf(commit),
      ...facts,
      id: event.node,
      status: 'ALIVE',
      isSchedulable: true,
      availableSlots: slots,
      devices,
      troubles: [...troubles],
      isTroubled: false,
      occupiedSlots: {},
      liveKernels: 0,
      registeredAtMs: commit.recordedAtMs,
      lostAtMs: null,
      statusInfo: null,
    });
  }
}

function placeOf({ sequence, firstRevision, recordedAtMs }: RecordedCommit) {
  return { sequence, revision: firstRevision, createdAtMs: recordedAtMs };
}
