import type { NodeView } from './model.ts';
import { SortedNodes } from './sorted-nodes.ts';
import type { Preference } from './strategies.ts';
import { fits, largest, type Vector } from './vector.ts';

/** A node as a pass counts it. `free`, `containers` and `turn` change while it stands in no order. */
export interface WorkNode extends Omit<NodeView, 'free' | 'containers' | 'turn'> {
  readonly free: number[];
  containers: number;
  turn: number;
}

/** Requests that found no node, remembered so that the like are not looked for again. */
const FAILURES_MAX = 64;

/** A request for which there was no node, with so many containers. */
export interface Failure {
  readonly request: Vector;
  readonly containers: number;
}

/**
 * The nodes of a group in the order in which they are taken for requests of one set of slots: those with fewer
 * kinds of slots that nobody asked for come first, then the strategy decides. Kept sorted, so that neither a
 * placement nor a search goes through all nodes.
 */
export class NodeOrder {
  readonly #unneeded: readonly number[];
  readonly #first: number;
  readonly #slotCount: number;
  readonly #preference: Preference;
  readonly #nodes: readonly WorkNode[];
  /** By number of kinds of slots that nobody asked for. */
  readonly #tiers = new Map<number, SortedNodes>();
  #tierNumbers: readonly number[] = [];
  readonly #failures: Failure[] = [];
  /** No node has more free of a slot than this; found again after many steps in vain. */
  #most: number[] = [];
  #stepsInVain = 0;

  constructor({ places, slotCount, preference, nodes }: OrderParts) {
    this.#unneeded = Array.from({ length: slotCount }, (_, slot) => slot).filter(
      (slot) => !places.includes(slot),
    );
    this.#first = places[0] ?? 0;
    this.#preference = places.length === 0 ? { ...preference, firstSlot: 'any' } : preference;
    this.#slotCount = slotCount;
    this.#nodes = nodes;
    for (const [number, some] of Map.groupBy(nodes, (node) => this.#unneededOn(node))) {
      this.#tier(number).fill(some);
    }
    this.#measure();
  }

  insert(node: WorkNode): void {
    this.#tier(this.#unneededOn(node)).insert(node);
    for (let slot = 0; slot < node.free.length; slot += 1) {
      const amount = node.free[slot] ?? 0;
      if (amount > (this.#most[slot] ?? 0)) this.#most[slot] = amount;
    }
  }

  /** Before the node changes: it is found by what it is. */
  remove(node: WorkNode): void {
    this.#tiers.get(this.#unneededOn(node))?.remove(node);
  }

  /** The first node with room that `accepts` takes. */
  find(request: Vector, accepts: (node: WorkNode) => boolean): WorkNode | undefined {
    if (!fits(request, this.#most)) return undefined;
    for (const number of this.#tierNumbers) {
      const found = this.#findIn(this.#tier(number), request, accepts);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether a request not larger than this one has found no node since. */
  hasFailed({ request, containers }: Failure): boolean {
    for (const failed of this.#failures) {
      if (failed.containers <= containers && fits(failed.request, request)) return true;
    }
    return false;
  }

  /** That no node has room for it. Holds until something is given back. */
  noteFailure(failure: Failure): void {
    if (this.#failures.length < FAILURES_MAX) this.#failures.push(failure);
  }

  get failures(): number {
    return this.#failures.length;
  }

  /** Forgets the failures noted since there were `count`: they may have been due to what is given back now. */
  forgetFailures(count: number): void {
    this.#failures.length = Math.min(count, this.#failures.length);
  }

  #findIn(
    tier: SortedNodes,
    request: Vector,
    accepts: (node: WorkNode) => boolean,
  ): WorkNode | undefined {
    const slot = this.#first;
    const first = request[slot] ?? 0;
    const { firstSlot } = this.#preference;
    const lacksFirst = (node: WorkNode): boolean => (node.free[slot] ?? 0) < first;
    const found = tier.find(
      (node) => {
        if (firstSlot === 'falling' && lacksFirst(node)) return 'end';
        if (fits(request, node.free) && accepts(node)) return 'take';
        this.#stepsInVain += 1;
        return 'pass';
      },
      firstSlot === 'rising' ? lacksFirst : undefined,
    );
    if (found === undefined && this.#stepsInVain > 2 * this.#nodes.length) this.#measure();
    return found;
  }

  #measure(): void {
    this.#most = [
      ...largest(
        this.#nodes.map(({ free }) => free),
        this.#slotCount,
      ),
    ];
    this.#stepsInVain = 0;
  }

  #unneededOn(node: WorkNode): number {
    let count = 0;
    for (const slot of this.#unneeded) if ((node.free[slot] ?? 0) > 0) count += 1;
    return count;
  }

  #tier(number: number): SortedNodes {
    const known = this.#tiers.get(number);
    if (known !== undefined) return known;
    const tier = new SortedNodes(this.#preference.compare);
    this.#tiers.set(number, tier);
    this.#tierNumbers = [...this.#tiers.keys()].sort((left, right) => left - right);
    return tier;
  }
}

interface OrderParts {
  /** Of the slots asked for. */
  readonly places: readonly number[];
  readonly slotCount: number;
  readonly preference: Preference;
  readonly nodes: readonly WorkNode[];
}
