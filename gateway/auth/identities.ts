import type { DomainRow, KeypairRow, Projections, ProjectRow, UserRow } from '@orrery/projections';
import type { LogFeed } from '../feed/log-feed.ts';
import type { Progress } from '../feed/progress.ts';
import { ProjectedCache } from '../feed/projected-cache.ts';

const USERS_KEPT_MAX = 10_000;
const KEYPAIRS_KEPT_MAX = 10_000;
/** Domains as well as projects. */
const PLACES_KEPT_MAX = 10_000;

/** Users, key pairs, and where sessions belong, as every request needs them. @throws {ProjectionsUnavailable} */
export interface Identities {
  findUser(id: string): Promise<UserRow | undefined>;
  /** Without a look-up: one that was found a moment ago. */
  knownUser(id: string): UserRow | undefined;
  findUserByEmail(email: string): Promise<UserRow | undefined>;
  findKeypair(accessKey: string): Promise<KeypairRow | undefined>;
  findDomain(name: string): Promise<DomainRow | undefined>;
  findProject(id: string): Promise<ProjectRow | undefined>;
}

export function createIdentities(options: {
  readonly projections: Projections;
  readonly feed: LogFeed;
  readonly progress: Progress;
}): Identities {
  const { projections, feed, progress } = options;
  const users = new ProjectedCache({
    aggregates: ['user'],
    entriesMax: USERS_KEPT_MAX,
    feed,
    progress,
    load: (id) => projections.findUser(id),
  });
  const keypairs = new ProjectedCache({
    aggregates: ['keypair'],
    entriesMax: KEYPAIRS_KEPT_MAX,
    feed,
    progress,
    load: (accessKey) => projections.findKeypair(accessKey),
  });
  const domains = new ProjectedCache({
    aggregates: ['domain'],
    entriesMax: PLACES_KEPT_MAX,
    feed,
    progress,
    load: (name) => projections.findDomain(name, { kind: 'all' }),
  });
  const projects = new ProjectedCache({
    aggregates: ['project'],
    entriesMax: PLACES_KEPT_MAX,
    feed,
    progress,
    load: (id) => projections.findProject(id, { kind: 'all' }),
  });
  return {
    findUser: (id) => users.get(id),
    knownUser: (id) => users.peek(id),
    findUserByEmail: (email) => projections.findUserByEmail(email),
    findKeypair: (accessKey) => keypairs.get(accessKey),
    findDomain: (name) => domains.get(name),
    findProject: (id) => projects.get(id),
  };
}
