import type { HoldReason, QueuedSession } from '@orrery/bus';
import type { Dependency, Owner, PendingView, PlacementGroup } from './planning/model.ts';
import { plainOf } from './planning/plain.ts';
import type { Vector } from './planning/vector.ts';
import type { SessionType, Wish } from './wish.ts';

/** What few sessions have. */
export interface Particulars {
  readonly startsAtMs?: number | undefined;
  /** Shared by all who depend on the same session. */
  readonly dependencies: readonly Dependency[];
  readonly failures: NonNullable<QueuedSession['failedOn']>;
  /** Those of the failures that count in the pass that is made. */
  failedOn: readonly string[];
}

/** What is said of a session that waits. */
export interface Said {
  readonly reason: HoldReason;
  /** Seconds; 0: not written down then. */
  readonly atSeconds: number;
}

interface Parts {
  readonly session: string;
  readonly attempt: number;
  readonly queuedAtMs: number;
  readonly wish: Wish;
  readonly kernels: PendingView['kernels'];
  readonly particulars?: Particulars | undefined;
}

const NONE: readonly never[] = [];

/**
 * A session in the queue, as a pass looks at it: what it has in common with others is read from its wish, so
 * that it costs little. Replaced when what is said of it changes: a snapshot may be under way.
 */
export class WaitingSession implements PendingView {
  readonly session: string;
  readonly attempt: number;
  readonly queuedAtMs: number;
  readonly wish: Wish;
  readonly kernels: PendingView['kernels'];
  readonly particulars: Particulars | undefined;
  readonly said: Said | undefined;
  /** Others are ended to make room for it there, which is kept until it is placed. */
  readonly promised: PendingView['promised'];

  constructor(parts: Parts, said?: Said, promised?: PendingView['promised']) {
    this.session = parts.session;
    this.attempt = parts.attempt;
    this.queuedAtMs = parts.queuedAtMs;
    this.wish = parts.wish;
    this.kernels = parts.kernels;
    this.particulars = parts.particulars;
    this.said = said;
    this.promised = promised;
  }

  get name(): string {
    return '';
  }
  get priority(): number {
    return this.wish.terms.priority;
  }
  get sessionType(): SessionType {
    return this.wish.terms.sessionType ?? 'interactive';
  }
  get group(): string {
    return this.wish.terms.resourceGroup;
  }
  get architecture(): string | undefined {
    return this.wish.terms.architecture;
  }
  get image(): string | undefined {
    return this.wish.terms.image;
  }
  get designated(): PendingView['designated'] {
    return this.wish.terms.designated;
  }
  get placementGroup(): PlacementGroup | undefined {
    return this.wish.terms.placementGroup;
  }
  get runsAtMostMs(): number | undefined {
    return this.wish.terms.runsAtMostMs;
  }
  get clusterMode(): PendingView['clusterMode'] {
    return this.wish.terms.clusterMode;
  }
  get owner(): Owner {
    return this.wish.owner;
  }
  get startsAtMs(): number | undefined {
    return this.particulars?.startsAtMs;
  }
  get dependencies(): readonly Dependency[] {
    return this.particulars?.dependencies ?? NONE;
  }
  get failedOn(): readonly string[] {
    return this.particulars?.failedOn ?? NONE;
  }
  get jobPriority(): number {
    return this.wish.terms.jobPriority ?? 0;
  }
  get isPreemptible(): boolean {
    return this.wish.terms.isPreemptible ?? true;
  }
}

/** A session of this wish, of which nothing else is known. */
export function pendingLike(wish: Wish, session: string, queuedAtMs: number): PendingView {
  const kernels = wish.requests.map((request, index) => ({
    kernel: `${session}/${index}`,
    request,
  }));
  return plainOf(new WaitingSession({ session, attempt: 1, queuedAtMs, wish, kernels }));
}

/** The kernels with what each asks for. */
export function kernelsOf(
  ids: readonly string[],
  requests: readonly Vector[],
): PendingView['kernels'] {
  return ids.map((kernel, index) => ({ kernel, request: requests[index] ?? [] }));
}
