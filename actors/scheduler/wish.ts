import type { QueuedSession, Slots } from '@orrery/bus';
import type { Owner, PendingView } from './planning/model.ts';
import type { Vector } from './planning/vector.ts';
import type { Sharing } from './sharing.ts';
import type { SlotBook } from './slot-book.ts';

/** What is the same in all sessions that want the same: whoever has the same one fits where the other does. */
export interface Wish {
  readonly terms: Terms;
  readonly owner: Owner;
  /** Of its kernels, in their order. */
  readonly requests: readonly Vector[];
}

/** A session as it was queued, without what is its own. */
export type Terms = Pick<
  QueuedSession,
  | 'resourceGroup'
  | 'architecture'
  | 'image'
  | 'clusterMode'
  | 'priority'
  | 'owner'
  | 'sessionType'
  | 'designated'
  | 'placementGroup'
  | 'jobPriority'
  | 'isPreemptible'
  | 'runsAtMostMs'
> & { readonly slots: readonly Slots[] };

export function termsOf({ kernels, ...queued }: QueuedSession): Terms {
  return {
    resourceGroup: queued.resourceGroup,
    architecture: queued.architecture,
    image: queued.image,
    clusterMode: queued.clusterMode,
    priority: queued.priority,
    owner: queued.owner,
    sessionType: queued.sessionType,
    designated: queued.designated,
    placementGroup: queued.placementGroup,
    jobPriority: queued.jobPriority,
    isPreemptible: queued.isPreemptible,
    runsAtMostMs: queued.runsAtMostMs,
    slots: kernels.map(({ slots }) => slots),
  };
}

/** The one wish of these terms; vectors of the same slots are one, too. */
export function wishOf(
  terms: Terms,
  { sharing, book }: { readonly sharing: Sharing; readonly book: SlotBook },
): Wish {
  return sharing.made(`wish ${JSON.stringify(terms)}`, () => {
    const { userId, projectId, domain, accessKey = '' } = terms.owner;
    return {
      terms: { ...terms, slots: terms.slots.map((slots) => sharing.one(slots)) },
      owner: sharing.one({ userId, projectId, domain, accessKey }),
      requests: terms.slots.map((slots) =>
        sharing.made(`request ${JSON.stringify(slots)}`, () => book.request(slots)),
      ),
    };
  });
}

export type SessionType = PendingView['sessionType'];
