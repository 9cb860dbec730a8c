import type { NodeView } from './model.ts';
import type { Preference } from './strategies.ts';
import { fits, type Vector } from './vector.ts';

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
  readonly #preference: Preference;
  /** Sorted nodes by number of kinds of slots that nobody asked for. */
  readonly #tiers = new Map<number, WorkNode[]>();
  #tierNumbers: readonly number[] = [];
  readonly #failures: Failure[] = [];
  /** No node has more free of a slot than this; found again after many steps in vain. */
  #most: number[] = [];
  #size = 0;
  #stepsInVain = 0;

  constructor(places: readonly number[], slotCount: number, preference: Preference) {
    this.#unneeded = Array.from({ length: slotCount }, (_, slot) => slot).filter(
      (slot) => !places.includes(slot),
    );
    this.#first = places[0] ?? 0;
    this.#preference = places.length === 0 ? { ...preference, firstSlot: 'any' } : preference;
  }

  /** For the beginning: many at once. */
  fill(nodes: Iterable<WorkNode>): void {
    for (const node of nodes) this.#tierOf(node).push(node);
    for (const tier of this.#tiers.values()) {
      tier.sort(this.#preference.compare);
      this.#size += tier.length;
    }
    this.#measure();
  }

  insert(node: WorkNode): void {
    const tier = this.#tierOf(node);
    tier.splice(this.#placeOf(tier, node), 0, node);
    for (let slot = 0; slot < node.free.length; slot += 1) {
      const amount = node.free[slot] ?? 0;
      if (amount > (this.#most[slot] ?? 0)) this.#most[slot] = amount;
    }
  }

  /** Before the node changes: it is found by what it is. */
  remove(node: WorkNode): void {
    const tier = this.#tierOf(node);
    const place = this.#placeOf(tier, node);
    if (tier[place] === node) tier.splice(place, 1);
  }

  /** The first node with room that `accepts` takes. */
  find(request: Vector, accepts: (node: WorkNode) => boolean): WorkNode | undefined {
    if (!fits(request, this.#most)) return undefined;
    for (const number of this.#tierNumbers) {
      const found = this.#findIn(this.#tiers.get(number) ?? [], request, accepts);
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
    tier: readonly WorkNode[],
    request: Vector,
    accepts: (node: WorkNode) => boolean,
  ): WorkNode | undefined {
    const first = request[this.#first] ?? 0;
    const { firstSlot } = this.#preference;
    const begin = firstSlot === 'rising' ? this.#firstWith(tier, first) : 0;
    for (let index = begin; index < tier.length; index += 1) {
      const node = tier[index];
      if (node === undefined) break;
      if (firstSlot === 'falling' && (node.free[this.#first] ?? 0) < first) break;
      if (fits(request, node.free) && accepts(node)) return node;
      this.#stepsInVain += 1;
    }
    if (this.#stepsInVain > 2 * this.#size) this.#measure();
    return undefined;
  }

  #measure(): void {
    const most: number[] = [];
    for (const tier of this.#tiers.values()) {
      for (const { free } of tier) {
        for (let slot = 0; slot < free.length; slot += 1) {
          const amount = free[slot] ?? 0;
          if (amount > (most[slot] ?? 0)) most[slot] = amount;
        }
      }
    }
    this.#most = most;
    this.#stepsInVain = 0;
  }

  #firstWith(tier: readonly WorkNode[], amount: number): number {
    let low = 0;
    let high = tier.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((tier[middle]?.free[this.#first] ?? 0) < amount) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #tierOf(node: WorkNode): WorkNode[] {
    let number = 0;
    for (const slot of this.#unneeded) if ((node.free[slot] ?? 0) > 0) number += 1;
    const known = this.#tiers.get(number);
    if (known !== undefined) return known;
    const tier: WorkNode[] = [];
    this.#tiers.set(number, tier);
    this.#tierNumbers = [...this.#tiers.keys()].sort((left, right) => left - right);
    return tier;
  }

  #placeOf(tier: readonly WorkNode[], node: WorkNode): number {
    const { compare } = this.#preference;
    let low = 0;
    let high = tier.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = tier[middle];
      if (other !== undefined && compare(other, node) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
