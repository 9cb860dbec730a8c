import type { RunningView } from './model.ts';

/** How many sessions of each placement group lie on each node. */
export class PlacementMembers {
  readonly #groups = new Map<string, Map<string, number>>();

  constructor(running: readonly RunningView[] = []) {
    for (const one of running) this.move(one, 1);
  }

  countOn(group: string, node: string): number {
    return this.#groups.get(group)?.get(node) ?? 0;
  }

  nodesOf(group: string): readonly string[] {
    return [...(this.#groups.get(group)?.keys() ?? [])];
  }

  /** A session that comes (1) or goes (-1). */
  move(
    { placementGroup, placements }: Pick<RunningView, 'placementGroup' | 'placements'>,
    by: 1 | -1,
  ): void {
    if (placementGroup === undefined) return;
    const counts = this.#groups.get(placementGroup) ?? new Map<string, number>();
    for (const node of new Set(placements.map((placement) => placement.node))) {
      const count = (counts.get(node) ?? 0) + by;
      if (count > 0) counts.set(node, count);
      else counts.delete(node);
    }
    this.#groups.set(placementGroup, counts);
  }
}
