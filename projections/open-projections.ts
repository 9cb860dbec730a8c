import { type Clock, systemClock, type TlsFiles } from '@orrery/bus';
import { Database, DEFAULT_SCHEMA } from './database.ts';
import type { Projections } from './projections.ts';
import { auditEntries, commitsOfSession, witnesses } from './queries/audit.ts';
import { clusterAt } from './queries/cluster-at.ts';
import { deviceHolders } from './queries/device-holders.ts';
import { directoryQueries } from './queries/directory.ts';
import { heldTime } from './queries/held-time.ts';
import { findKeypair, findUserByEmail, usersByIds, usersOfSshKey } from './queries/identities.ts';
import { aliasesOf, findImage, listImages } from './queries/images.ts';
import { findLimits, heldBy } from './queries/limits.ts';
import { checkpoint, clusterStatus, knownSlots, listNodes } from './queries/nodes.ts';
import { findPreset, listPresets } from './queries/presets.ts';
import { findWaiting } from './queries/queue.ts';
import { listQuotas } from './queries/quotas.ts';
import { findRegistry, listRegistries } from './queries/registries.ts';
import { groupRules, listResourceGroups, roomOfGroup } from './queries/resource-groups.ts';
import {
  kernelsOfSessions,
  listSessions,
  ownersOfSessions,
  sessionsByIds,
} from './queries/sessions.ts';
import { Source } from './queries/source.ts';
import { statisticsSeries } from './queries/statistics.ts';
import { foldSession } from './session-fold.ts';

export interface OpenOptions {
  readonly clock?: Clock | undefined;
  /** Default `orrery`. */
  readonly schema?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** Default 10. */
  readonly connectionsMax?: number | undefined;
}

/**
 * The read side over a pool of connections. Connects when first asked, so the database need not run yet;
 * a query waits up to ten seconds for one that is away.
 */
export function openProjections(url: string, options: OpenOptions = {}): Projections {
  const { clock = systemClock, schema = DEFAULT_SCHEMA, connectionsMax = 10, tls } = options;
  const database = new Database({ url, tls, clock, connectionsMax });
  const source = new Source(database, schema);
  return {
    findSession: async (id, visibility) => (await sessionsByIds(source, [id], visibility))[0],
    listSessions: (listing) => listSessions(source, listing),
    ownersOfSessions: (listing) => ownersOfSessions(source, listing),
    sessionsByIds: (ids, visibility) => sessionsByIds(source, ids, visibility),
    kernelsOfSessions: (sessionIds) => kernelsOfSessions(source, sessionIds),
    sessionAt: async (id, timeMs, visibility) => {
      const [session] = await sessionsByIds(source, [id], visibility);
      if (session === undefined) return undefined;
      return foldSession(await commitsOfSession(source, id, timeMs));
    },
    commitsOfSession: (id, untilMs) => commitsOfSession(source, id, untilMs),
    listNodes: (request) => listNodes(source, request),
    deviceHolders: (agentIds, visibility) => deviceHolders(source, agentIds, visibility),
    listImages: (request) => listImages(source, request),
    findImage: (reference) => findImage(source, reference),
    listPresets: (request) => listPresets(source, request),
    findPreset: (id) => findPreset(source, id),
    listRegistries: (request) => listRegistries(source, request),
    findRegistry: (name) => findRegistry(source, name),
    aliasesOf: (references) => aliasesOf(source, references),
    knownSlots: () => knownSlots(source),
    listResourceGroups: (request) => listResourceGroups(source, request),
    groupRules: () => groupRules(source),
    roomOfGroup: (group) => roomOfGroup(source, group),
    findLimits: (owner) => findLimits(source, owner),
    heldBy: (owner) => heldBy(source, owner),
    listQuotas: (listing) => listQuotas(source, listing),
    heldTime: (request) => heldTime(source, request),
    findWaiting: (sessionId) => findWaiting(source, sessionId),
    findUser: async (id) => (await usersByIds(source, [id]))[0],
    findUserByEmail: (email) => findUserByEmail(source, email),
    usersOfSshKey: (fingerprint) => usersOfSshKey(source, fingerprint),
    usersByIds: (ids) => usersByIds(source, ids),
    findKeypair: (accessKey) => findKeypair(source, accessKey),
    ...directoryQueries(source),
    auditEntries: (listing) => auditEntries(source, listing),
    witnesses: (range) => witnesses(source, range),
    statisticsSeries: (range) => statisticsSeries(source, range),
    clusterAt: (timeMs, visibility) => clusterAt(source, timeMs, visibility),
    clusterStatus: (visibility) => clusterStatus(source, visibility),
    checkpoint: () => checkpoint(source),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
