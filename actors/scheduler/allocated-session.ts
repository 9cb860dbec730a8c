import type { Placement } from '@orrery/bus';
import type { Owner, RunningView } from './planning/model.ts';
import type { Vector } from './planning/vector.ts';
import type { SessionType, Wish } from './wish.ts';

/** A kernel's place, in the words of the log and in numbers. */
export interface Place extends Placement {
  readonly request: Vector;
}

/** That its session was told to end. */
export interface Leaving {
  readonly mode: 'terminate' | 'reschedule';
  readonly reason: 'preempted' | 'node-drained' | 'lifetime-over';
  readonly inFavourOf?: string | undefined;
}

interface Parts {
  readonly session: string;
  readonly attempt: number;
  readonly wish: Wish;
  readonly placements: readonly Place[];
  readonly startedAtMs: number;
}

/** A session that holds slots, as a pass looks at it. Replaced when it has to leave, never changed. */
export class AllocatedSession implements RunningView {
  readonly session: string;
  readonly attempt: number;
  readonly wish: Wish;
  readonly placements: readonly Place[];
  readonly startedAtMs: number;
  readonly leaving: Leaving | undefined;

  constructor(parts: Parts, leaving?: Leaving) {
    this.session = parts.session;
    this.attempt = parts.attempt;
    this.wish = parts.wish;
    this.placements = parts.placements;
    this.startedAtMs = parts.startedAtMs;
    this.leaving = leaving;
  }

  get group(): string {
    return this.wish.terms.resourceGroup;
  }
  get owner(): Owner {
    return this.wish.owner;
  }
  get sessionType(): SessionType {
    return this.wish.terms.sessionType ?? 'interactive';
  }
  get image(): string | undefined {
    return this.wish.terms.image;
  }
  get endsAtMs(): number | undefined {
    const { runsAtMostMs } = this.wish.terms;
    return runsAtMostMs === undefined ? undefined : this.startedAtMs + runsAtMostMs;
  }
  get isPreemptible(): boolean {
    return this.wish.terms.isPreemptible ?? true;
  }
  get isEnding(): boolean {
    return this.leaving !== undefined;
  }
  get jobPriority(): number {
    return this.wish.terms.jobPriority ?? 0;
  }
  get placementGroup(): string | undefined {
    return this.wish.terms.placementGroup?.name;
  }
}
