import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { WorkNode } from '../../../../../actors/scheduler/planning/node-order.ts';
import { SortedNodes } from '../../../../../actors/scheduler/planning/sorted-nodes.ts';

const sorted = suite('scheduler: sorted nodes');

const compare = (left: WorkNode, right: WorkNode): number =>
  (left.free[0] ?? 0) - (right.free[0] ?? 0) || left.turn - right.turn;

sorted('thousands that change places stand as in one sorted list', () => {
  const nodes = Array.from({ length: 1500 }, (_, turn) => nodeOf(turn));
  const moves = fc.array(fc.tuple(fc.nat(1499), fc.nat(50)), { minLength: 500, maxLength: 3000 });
  const isSame = fc.property(moves, (all) => {
    const there = nodes.map((node) => ({ ...node, free: [...node.free] }));
    const order = new SortedNodes(compare);
    order.fill(there);
    for (const [index, amount] of all) {
      const node = there[index];
      if (node === undefined) continue;
      order.remove(node);
      node.free[0] = amount;
      order.insert(node);
    }
    assert.equal(
      turnsOf(order),
      there.toSorted(compare).map(({ turn }) => turn),
    );
  });
  fc.assert(isSame, { numRuns: 20 });
});

sorted('a search begins at the first that is not before, and ends where it is told', () => {
  const order = new SortedNodes(compare);
  order.fill(Array.from({ length: 300 }, (_, turn) => nodeOf(turn, turn)));
  const atLeast = (amount: number) => (node: WorkNode) => (node.free[0] ?? 0) < amount;
  assert.is(order.find(() => 'take', atLeast(137))?.turn, 137);
  assert.is(
    order.find(() => 'take', atLeast(300)),
    undefined,
  );
  assert.is(
    order.find(({ turn }) => (turn === 7 ? 'end' : 'pass')),
    undefined,
  );
});

sorted('one that has left is not found, and one that was never there leaves nothing behind', () => {
  const order = new SortedNodes(compare);
  const [first, second, stranger] = [nodeOf(1, 5), nodeOf(2, 5), nodeOf(3, 5)];
  order.insert(first);
  order.insert(second);
  order.remove(stranger);
  order.remove(first);
  assert.equal(turnsOf(order), [2]);
  order.remove(second);
  assert.equal(turnsOf(order), []);
});

function turnsOf(order: SortedNodes): readonly number[] {
  const turns: number[] = [];
  order.find(({ turn }) => {
    turns.push(turn);
    return 'pass';
  });
  return turns;
}

function nodeOf(turn: number, amount = turn % 40): WorkNode {
  return {
    name: `node${turn}`,
    group: 'default',
    architecture: 'x86_64',
    isSchedulable: true,
    total: [100],
    free: [amount],
    containers: 0,
    turn,
  };
}

sorted.run();
