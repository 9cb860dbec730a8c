import {
  DomainEvent,
  directoryId,
  KeypairEvent,
  ok,
  PolicyEvent,
  ProjectEvent,
  type RecordedCommit,
  UserEvent,
} from '@orrery/bus';
import type {
  DirectoryProjections,
  DomainRow,
  KeypairRow,
  Page,
  PageRequest,
  PolicyRow,
  ProjectRow,
  UserRow,
  Visibility,
} from '@orrery/projections';
import { projectDomain, projectPolicy, projectProject } from '../../../projections/directory.ts';
import { projectKeypair } from '../../../projections/keypairs.ts';
import { projectUser } from '../../../projections/users.ts';

/** The directory's part of the projections' port over maps. */
export class MemoryDirectory implements DirectoryProjections {
  readonly users = new Map<string, UserRow>();
  readonly keypairs = new Map<string, KeypairRow>();
  readonly #domains = new Map<string, DomainRow>();
  readonly #projects = new Map<string, ProjectRow>();
  readonly #policies = new Map<string, PolicyRow>();

  take({ aggregate, aggregateId: id, ...commit }: RecordedCommit): void {
    for (const [index, event] of commit.events.entries()) {
      const { firstRevision, sequence, recordedAtMs } = commit;
      const at = { id, revision: firstRevision + index, sequence, recordedAtMs };
      const fold = <Row, Event>(
        rows: Map<string, Row>,
        project: (row: Row | undefined, event: Event, place: typeof at) => Row | undefined,
        parsed: Event,
      ): void => {
        const row = project(rows.get(id), parsed, at);
        if (row !== undefined) rows.set(id, row);
      };
      if (aggregate === 'user') fold(this.users, projectUser, UserEvent.parse(event));
      if (aggregate === 'keypair') fold(this.keypairs, projectKeypair, KeypairEvent.parse(event));
      if (aggregate === 'domain') fold(this.#domains, projectDomain, DomainEvent.parse(event));
      if (aggregate === 'project') fold(this.#projects, projectProject, ProjectEvent.parse(event));
      if (aggregate === 'policy') fold(this.#policies, projectPolicy, PolicyEvent.parse(event));
    }
  }

  async listDomains(listing: Parameters<DirectoryProjections['listDomains']>[0]) {
    const rows = [...this.#domains.values()]
      .filter((row) => !row.isPurged && this.#seesDomain(row, listing.visibility))
      .filter(({ isActive }) => isActive === (listing.isActive ?? isActive));
    return ok(
      pageOf(
        by(rows, ({ name }) => name),
        listing,
      ),
    );
  }

  async findDomain(name: string, visibility: Visibility) {
    const row = this.#domains.get(directoryId('domain', name));
    return row && !row.isPurged && this.#seesDomain(row, visibility) ? row : undefined;
  }

  async listProjects(listing: Parameters<DirectoryProjections['listProjects']>[0]) {
    const rows = [...this.#projects.values()]
      .filter((row) => !row.isPurged && this.#seesProject(row, listing.visibility))
      .filter(({ domain }) => domain === (listing.domain ?? domain))
      .filter(({ isActive }) => isActive === (listing.isActive ?? isActive))
      .filter(({ name }) => name === (listing.name ?? name));
    return ok(
      pageOf(
        by(rows, ({ name }) => name),
        listing,
      ),
    );
  }

  async findProject(id: string, visibility: Visibility) {
    const row = this.#projects.get(id);
    return row && !row.isPurged && this.#seesProject(row, visibility) ? row : undefined;
  }

  async listUsers(listing: Parameters<DirectoryProjections['listUsers']>[0]) {
    const { projectId } = listing;
    const rows = [...this.users.values()]
      .filter((row) => !row.isPurged && seesUser(row, listing.visibility))
      .filter(({ domain }) => domain === (listing.domain ?? domain))
      .filter(({ status }) => status === (listing.status ?? status))
      .filter(({ role }) => role === (listing.role ?? role))
      .filter((row) => projectId === undefined || isIn(row, [projectId]));
    return ok(
      pageOf(
        by(rows, ({ email }) => email),
        listing,
      ),
    );
  }

  async findVisibleUser(
    wanted: Parameters<DirectoryProjections['findVisibleUser']>[0],
    visibility: Visibility,
  ) {
    const [[property, value] = ['', '']] = Object.entries(wanted);
    return [...this.users.values()].find(
      (row) =>
        String(Reflect.get(row, property)).toLowerCase() === value.toLowerCase() &&
        !row.isPurged &&
        seesUser(row, visibility),
    );
  }

  async listKeypairs(listing: Parameters<DirectoryProjections['listKeypairs']>[0]) {
    const rows = [...this.keypairs.values()]
      .filter((row) => !row.isDeleted && this.#seesKeypair(row, listing.visibility))
      .filter(({ userId }) => userId === (listing.userId ?? userId))
      .filter(({ isActive }) => isActive === (listing.isActive ?? isActive))
      .filter(({ userId }) => [undefined, this.users.get(userId)?.domain].includes(listing.domain));
    return ok(
      pageOf(
        by(rows, ({ accessKey }) => accessKey),
        listing,
      ),
    );
  }

  async findVisibleKeypair(accessKey: string, visibility: Visibility) {
    const row = this.keypairs.get(accessKey);
    return row && !row.isDeleted && this.#seesKeypair(row, visibility) ? row : undefined;
  }

  async listPolicies(listing: Parameters<DirectoryProjections['listPolicies']>[0]) {
    const rows = [...this.#policies.values()]
      .filter(({ kind, isDeleted }) => kind === listing.kind && !isDeleted)
      .filter((row) => this.#seesPolicy(row, listing.visibility));
    return ok(
      pageOf(
        by(rows, ({ name }) => name),
        listing,
      ),
    );
  }

  async findPolicy(
    { kind, name }: Parameters<DirectoryProjections['findPolicy']>[0],
    visibility: Visibility,
  ) {
    const row = this.#policies.get(directoryId('policy', kind, name));
    return row && !row.isDeleted && this.#seesPolicy(row, visibility) ? row : undefined;
  }

  #seesDomain({ name }: DomainRow, visibility: Visibility): boolean {
    return visibility.kind === 'all' || this.users.get(visibility.userId)?.domain === name;
  }

  #seesProject({ id, domain }: ProjectRow, visibility: Visibility): boolean {
    if (visibility.kind === 'all') return true;
    if (visibility.kind === 'domain') return visibility.domain === domain;
    const user = this.users.get(visibility.userId);
    return user !== undefined && isIn(user, [id]);
  }

  #seesKeypair({ userId }: KeypairRow, visibility: Visibility): boolean {
    const user = this.users.get(userId);
    return visibility.kind === 'all' || (user !== undefined && seesUser(user, visibility));
  }

  #seesPolicy({ kind, name }: PolicyRow, visibility: Visibility): boolean {
    if (visibility.kind === 'all' || visibility.kind === 'domain') return true;
    const user = this.users.get(visibility.userId);
    if (user === undefined) return false;
    const counting = {
      user: [user],
      keypair: [...this.keypairs.values()].filter((key) => key.userId === user.id),
      project: [...this.#projects.values()].filter(({ id }) => isIn(user, [id])),
    };
    return counting[kind].some(({ resourcePolicy }) => resourcePolicy === name);
  }
}

function seesUser(row: UserRow, visibility: Visibility): boolean {
  if (visibility.kind === 'all' || row.id === visibility.userId) return true;
  if (visibility.kind === 'user' || row.domain !== visibility.domain) return false;
  return visibility.kind === 'domain' || isIn(row, visibility.projects);
}

function isIn({ projects }: UserRow, ids: readonly string[]): boolean {
  return projects.some(({ projectId }) => ids.includes(projectId));
}

function by<Row>(rows: readonly Row[], of: (row: Row) => string): readonly Row[] {
  return rows.toSorted((left, right) => (of(left) < of(right) ? -1 : 1));
}

export function pageOf<Row>(rows: readonly Row[], { first, after }: PageRequest): Page<Row> {
  const start = after === undefined ? 0 : Number(after) + 1;
  const edges = rows
    .slice(start, start + first)
    .map((row, index) => ({ cursor: String(start + index), row }));
  return {
    edges,
    totalCount: rows.length,
    hasNextPage: start + first < rows.length,
    hasPreviousPage: start > 0,
  };
}
