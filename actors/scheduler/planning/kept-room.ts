import type { Vector } from './vector.ts';

interface Kept {
  readonly session: string;
  readonly startsAtMs: number;
  /** What others may have of the node beyond the start of the session. Below zero: nothing. */
  readonly left: number[];
}

/** Room on nodes that is kept for sessions that lacked it and come first. */
export class KeptRoom {
  readonly #nodes = new Map<string, Kept>();

  get isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  /** @param left what remains on each node once the session has started there. */
  keep(session: string, startsAtMs: number, left: ReadonlyMap<string, Vector>): void {
    for (const [node, amounts] of left) {
      const before = this.#nodes.get(node);
      this.#nodes.set(node, {
        session: before?.session ?? session,
        startsAtMs: Math.min(startsAtMs, before?.startsAtMs ?? Infinity),
        left: amounts.map((amount, slot) => Math.min(amount, before?.left[slot] ?? Infinity)),
      });
    }
  }

  /** Whether a request that ends then (undefined: nobody knows) leaves what is kept whole. */
  allows(node: string, request: Vector, endsAtMs: number | undefined): boolean {
    const kept = this.#nodes.get(node);
    if (kept === undefined || isOver(endsAtMs, kept)) return true;
    for (let slot = 0; slot < request.length; slot += 1) {
      const amount = request[slot] ?? 0;
      if (amount > 0 && amount > (kept.left[slot] ?? 0)) return false;
    }
    return true;
  }

  /** What was placed beyond the start of a session lessens what others may have there. */
  used(node: string, request: Vector, endsAtMs: number | undefined): void {
    const kept = this.#nodes.get(node);
    if (kept === undefined || isOver(endsAtMs, kept)) return;
    request.forEach((amount, slot) => {
      kept.left[slot] = (kept.left[slot] ?? 0) - amount;
    });
  }

  leftOn(node: string): Vector | undefined {
    return this.#nodes.get(node)?.left;
  }

  sessionOn(node: string): string | undefined {
    return this.#nodes.get(node)?.session;
  }
}

function isOver(endsAtMs: number | undefined, { startsAtMs }: Kept): boolean {
  return endsAtMs !== undefined && endsAtMs <= startsAtMs;
}
