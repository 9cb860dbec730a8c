/** An image that this agent pulled. */
export interface PulledImage {
  readonly reference: string;
  /** As its engine names it. */
  readonly id: string;
  readonly sizeBytes: number;
  /** When a kernel was prepared with it last. */
  readonly usedAtMs: number;
}

export interface RemovalPolicy {
  /** Without a use for this long it goes; undefined: age is no reason. */
  readonly unusedMsMax: number | undefined;
  /** Share of the disk that is kept free, in percent. */
  readonly freePercentMin: number;
}

export interface Disk {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** What was used so lately may be about to be used: a kernel is prepared before it has a container. */
const SPARED_MS = 600_000;

/**
 * References of the images to remove, the longest unused first: those that are too old, and as many more as
 * it takes until the disk is as free as it should be, or has `wantedBytes`.
 */
export function planRemoval(
  images: readonly PulledImage[],
  at: {
    readonly nowMs: number;
    readonly inUse: ReadonlySet<string>;
    readonly policy: RemovalPolicy;
    /** Undefined: it cannot be seen, and then only age counts. */
    readonly disk: Disk | undefined;
    readonly wantedBytes: number;
  },
): readonly string[] {
  const { nowMs, inUse, policy, disk, wantedBytes } = at;
  const idle = images
    .filter(({ id, usedAtMs }) => !inUse.has(id) && nowMs - usedAtMs >= SPARED_MS)
    .toSorted((left, right) => left.usedAtMs - right.usedAtMs);
  const keptFree = ((disk?.totalBytes ?? 0) * policy.freePercentMin) / 100;
  let shortBytes =
    disk === undefined ? 0 : Math.max(keptFree - disk.freeBytes, wantedBytes - disk.freeBytes);
  const removed: string[] = [];
  for (const { reference, sizeBytes, usedAtMs } of idle) {
    const isOld = policy.unusedMsMax !== undefined && nowMs - usedAtMs > policy.unusedMsMax;
    if (!isOld && shortBytes <= 0) continue;
    removed.push(reference);
    shortBytes -= sizeBytes;
  }
  return removed;
}
