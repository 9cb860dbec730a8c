import type { PendingView, Preemption, RunningView } from './model.ts';
import { compareInOrder } from './pieces.ts';
import { sum, type Vector } from './vector.ts';

/** Whether it may be ended in favour of anybody. */
export function isVictim({ isPreemptible, sessionType }: RunningView): boolean {
  return isPreemptible && sessionType !== 'system';
}

/** Job priority first, then by the rule. */
export function victimOrder(
  running: readonly RunningView[],
  { order }: Preemption,
): readonly RunningView[] {
  const counts = new Map<string, number>();
  for (const { owner } of running) counts.set(owner.userId, (counts.get(owner.userId) ?? 0) + 1);
  return running.toSorted(
    (left, right) =>
      left.jobPriority - right.jobPriority ||
      byRule(left, right, { order, counts }) ||
      (left.session < right.session ? -1 : 1),
  );
}

export function isInScope(
  { owner }: RunningView,
  session: PendingView,
  scope: Preemption['victimScope'],
): boolean {
  switch (scope) {
    case 'user':
      return owner.userId === session.owner.userId;
    case 'project':
      return owner.projectId === session.owner.projectId;
    case 'domain':
      return owner.domain === session.owner.domain;
    case 'resource-group':
      return true;
  }
}

interface Rule {
  readonly order: Preemption['order'];
  readonly counts: ReadonlyMap<string, number>;
}

function byRule(left: RunningView, right: RunningView, { order, counts }: Rule): number {
  switch (order) {
    case 'oldest':
      return left.startedAtMs - right.startedAtMs;
    case 'newest':
      return right.startedAtMs - left.startedAtMs;
    case 'fewest-sessions':
      return (counts.get(left.owner.userId) ?? 0) - (counts.get(right.owner.userId) ?? 0);
    case 'smallest-resources':
      return compareInOrder(heldBy(left), heldBy(right));
  }
}

function heldBy({ placements }: RunningView): Vector {
  const requests = placements.map(({ request }) => request);
  return sum(requests, requests[0]?.length ?? 0);
}
