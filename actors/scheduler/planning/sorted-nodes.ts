import type { WorkNode } from './node-order.ts';
import type { Comparator } from './strategies.ts';

/** So many nodes at most lie in one block: what an insertion or a removal may have to move. */
const BLOCK_MAX = 128;

/**
 * Nodes in order, in blocks, so that one node's coming or going moves a block's worth of others and not
 * thousands. A node must not change what it is compared by while it stands here.
 */
export class SortedNodes {
  readonly #compare: Comparator;
  /** None is empty. */
  readonly #blocks: WorkNode[][] = [];

  constructor(compare: Comparator) {
    this.#compare = compare;
  }

  /** For the beginning: many at once, into an empty order. */
  fill(nodes: readonly WorkNode[]): void {
    const sorted = nodes.toSorted(this.#compare);
    for (let begin = 0; begin < sorted.length; begin += BLOCK_MAX / 2) {
      this.#blocks.push(sorted.slice(begin, begin + BLOCK_MAX / 2));
    }
  }

  insert(node: WorkNode): void {
    const number = Math.min(this.#blockOf(node), this.#blocks.length - 1);
    const block = this.#blocks[number];
    if (block === undefined) {
      this.#blocks.push([node]);
      return;
    }
    block.splice(this.#placeIn(block, node), 0, node);
    if (block.length > BLOCK_MAX) this.#blocks.splice(number + 1, 0, block.splice(BLOCK_MAX / 2));
  }

  remove(node: WorkNode): void {
    const number = this.#blockOf(node);
    const block = this.#blocks[number];
    if (block === undefined) return;
    const place = this.#placeIn(block, node);
    if (block[place] !== node) return;
    block.splice(place, 1);
    const next = this.#blocks[number + 1];
    if (block.length === 0) this.#blocks.splice(number, 1);
    else if (next !== undefined && block.length + next.length <= BLOCK_MAX / 4) {
      block.push(...next);
      this.#blocks.splice(number + 1, 1);
    }
  }

  /** Goes through the nodes in order, from the first that `isBefore` denies, until one is taken. */
  find(
    judge: (node: WorkNode) => Judgement,
    isBefore?: (node: WorkNode) => boolean,
  ): WorkNode | undefined {
    let number = 0;
    let place = 0;
    if (isBefore !== undefined) {
      number = countBefore(this.#blocks, (block) => isAll(block, isBefore));
      place = countBefore(this.#blocks[number] ?? [], isBefore);
    }
    for (; number < this.#blocks.length; number += 1) {
      for (const block = this.#blocks[number] ?? []; place < block.length; place += 1) {
        const node = block[place];
        if (node === undefined) break;
        const judgement = judge(node);
        if (judgement === 'take') return node;
        if (judgement === 'end') return undefined;
      }
      place = 0;
    }
    return undefined;
  }

  /** Of the block in which the node lies, or would. */
  #blockOf(node: WorkNode): number {
    return countBefore(this.#blocks, (block) => {
      const last = block.at(-1);
      return last !== undefined && this.#compare(last, node) < 0;
    });
  }

  #placeIn(block: readonly WorkNode[], node: WorkNode): number {
    return countBefore(block, (other) => this.#compare(other, node) < 0);
  }
}

/** Of a search: this one, go on, or nothing further on will do. */
export type Judgement = 'take' | 'pass' | 'end';

/** Its last is the latest. */
function isAll(block: readonly WorkNode[], isBefore: (node: WorkNode) => boolean): boolean {
  const last = block.at(-1);
  return last !== undefined && isBefore(last);
}

/** How many of what is sorted come before; `isBefore` holds for the first ones and for no later one. */
function countBefore<Item>(items: readonly Item[], isBefore: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && isBefore(item)) low = middle + 1;
    else high = middle;
  }
  return low;
}
