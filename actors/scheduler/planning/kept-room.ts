import { fits, shortfall, type Vector } from './vector.ts';

/** What a session wants of a node. */
export interface Claim {
  readonly request: Vector;
  readonly containers: number;
}

/** What others may have of a node once a session has started there. Below zero: nothing. */
export interface Left {
  readonly slots: Vector;
  /** Infinity: no limit. */
  readonly containers: number;
}

interface Kept {
  readonly session: string;
  readonly startsAtMs: number;
  readonly slots: number[];
  containers: number;
}

/** Room on nodes that is kept for sessions that lacked it and come first. */
export class KeptRoom {
  readonly #nodes = new Map<string, Kept>();

  get isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  /** @param left what remains on each node once the session has started there. */
  keep(session: string, startsAtMs: number, left: ReadonlyMap<string, Left>): void {
    for (const [node, { slots, containers }] of left) {
      const before = this.#nodes.get(node);
      this.#nodes.set(node, {
        session: before?.session ?? session,
        startsAtMs: Math.min(startsAtMs, before?.startsAtMs ?? Infinity),
        slots: slots.map((amount, slot) => Math.min(amount, before?.slots[slot] ?? Infinity)),
        containers: Math.min(containers, before?.containers ?? Infinity),
      });
    }
  }

  /** Whether a claim that ends then (undefined: nobody knows) leaves what is kept whole. */
  allows(node: string, { request, containers }: Claim, endsAtMs: number | undefined): boolean {
    const kept = this.#nodes.get(node);
    if (kept === undefined || isOver(endsAtMs, kept)) return true;
    return containers <= kept.containers && fits(request, kept.slots);
  }

  /** What was placed beyond the start of a session lessens what others may have there. */
  used(node: string, { request, containers }: Claim, endsAtMs: number | undefined): void {
    const kept = this.#nodes.get(node);
    if (kept === undefined || isOver(endsAtMs, kept)) return;
    request.forEach((amount, slot) => {
      kept.slots[slot] = (kept.slots[slot] ?? 0) - amount;
    });
    kept.containers -= containers;
  }

  /** How much is kept of what is free on these nodes; of those where anything is. */
  claimsOn(nodes: ReadonlyMap<string, { readonly free: Vector }>): ReadonlyMap<string, Vector> {
    const claims = new Map<string, Vector>();
    for (const [name, { slots }] of this.#nodes) {
      const node = nodes.get(name);
      if (node === undefined) continue;
      const claim = shortfall(node.free, slots);
      if (claim.some((amount) => amount > 0)) claims.set(name, claim);
    }
    return claims;
  }

  sessionOn(node: string): string | undefined {
    return this.#nodes.get(node)?.session;
  }
}

function isOver(endsAtMs: number | undefined, { startsAtMs }: Kept): boolean {
  return endsAtMs !== undefined && endsAtMs <= startsAtMs;
}
