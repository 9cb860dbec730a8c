import type { RecordedCommit, SessionDefaults } from '@orrery/bus';
import type { Projections, GroupRules as Rules } from '@orrery/projections';
import type { LogFeed } from '../../feed/log-feed.ts';
import type { Progress } from '../../feed/progress.ts';
import { ProjectedCache } from '../../feed/projected-cache.ts';

/** It is always there; sessions that name no group are in it where no other is the default one. */
export const STANDING_GROUP = 'default';

/** What resource groups say of sessions that say nothing themselves. @throws {ProjectionsUnavailable} */
export interface GroupRules {
  /** The group of sessions that name none. */
  defaultName(): Promise<string>;
  sessionDefaults(group: string): Promise<SessionDefaults>;
}

export function createGroupRules(options: {
  readonly projections: Projections;
  readonly feed: LogFeed;
  readonly progress: Progress;
}): GroupRules {
  const { projections, feed, progress } = options;
  const all = new ProjectedCache({
    aggregates: ['scheduler'],
    isOfInterest: isOfGroups,
    entriesMax: 1,
    feed,
    progress,
    load: async () => new Map((await projections.groupRules()).map((one) => [one.name, one])),
  });
  const rules = async (): Promise<ReadonlyMap<string, Rules>> =>
    (await all.get('all')) ?? new Map();
  return {
    defaultName: async () => defaultNameOf([...(await rules()).values()]),
    sessionDefaults: async (group) => (await rules()).get(group)?.policy?.sessionDefaults ?? {},
  };
}

/** The group that is marked as the default one, else the one that is always there. */
export function defaultNameOf(groups: readonly Pick<Rules, 'name' | 'policy'>[]): string {
  return groups.find(({ policy }) => policy?.isDefault === true)?.name ?? STANDING_GROUP;
}

function isOfGroups({ events }: RecordedCommit): boolean {
  return events.some(({ type }) => type === 'group-policy-set' || type === 'group-removed');
}
