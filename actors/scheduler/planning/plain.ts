import type { PendingView } from './model.ts';

/** As plain values, which can be copied and changed: a session like this one, with a part of it otherwise. */
export function plainOf(one: PendingView): PendingView {
  const { session, name, attempt, queuedAtMs, priority, sessionType, group, clusterMode } = one;
  const { owner, kernels, startsAtMs, dependencies, designated, failedOn, jobPriority } = one;
  const { architecture, image, placementGroup, isPreemptible, runsAtMostMs, promised } = one;
  return {
    ...{ session, name, attempt, queuedAtMs, priority, sessionType, group, clusterMode },
    ...{ owner, kernels, startsAtMs, dependencies, designated, failedOn, jobPriority },
    ...{ architecture, image, placementGroup, isPreemptible, runsAtMostMs, promised },
  };
}
