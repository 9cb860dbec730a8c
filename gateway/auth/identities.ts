import type { KeypairRow, Projections, UserRow } from '@orrery/projections';
import type { LogFeed } from '../feed/log-feed.ts';
import type { Progress } from '../feed/progress.ts';
import { ProjectedCache } from '../feed/projected-cache.ts';

const USERS_KEPT_MAX = 10_000;
const KEYPAIRS_KEPT_MAX = 10_000;

/** Users and key pairs, as every request needs them. @throws {ProjectionsUnavailable} */
export interface Identities {
  findUser(id: string): Promise<UserRow | undefined>;
  /** Without a look-up: one that was found a moment ago. */
  knownUser(id: string): UserRow | undefined;
  findUserByEmail(email: string): Promise<UserRow | undefined>;
  findKeypair(accessKey: string): Promise<KeypairRow | undefined>;
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
  return {
    findUser: (id) => users.get(id),
    knownUser: (id) => users.peek(id),
    findUserByEmail: (email) => projections.findUserByEmail(email),
    findKeypair: (accessKey) => keypairs.get(accessKey),
  };
}
