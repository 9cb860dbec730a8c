import { type Amounts, type Placement, toAmounts } from '@orrery/bus';

/** What each node has left, counted on the side of those who take it. */
export interface Ledger {
  /** The node that was overdrawn by it, if any. */
  take(holder: string, placements: readonly Placement[]): string | undefined;
  free(holder: string): void;
}

export function createLedger(nodes: ReadonlyMap<string, Amounts>): Ledger {
  const left = new Map([...nodes].map(([name, amounts]) => [name, { ...amounts }]));
  const held = new Map<string, readonly Placement[]>();
  const move = (placements: readonly Placement[], sign: bigint): string | undefined => {
    let overdrawn: string | undefined;
    for (const { node, slots } of placements) {
      const amounts = left.get(node) ?? {};
      for (const [slot, amount] of Object.entries(toAmounts(slots))) {
        amounts[slot] = (amounts[slot] ?? 0n) + sign * amount;
        if (amounts[slot] < 0n) overdrawn = node;
      }
      left.set(node, amounts);
    }
    return overdrawn;
  };
  return {
    take: (holder, placements) => {
      held.set(holder, placements);
      return move(placements, -1n);
    },
    free: (holder) => {
      move(held.get(holder) ?? [], 1n);
      held.delete(holder);
    },
  };
}
