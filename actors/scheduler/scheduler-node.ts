import type { NodeCapacity } from '@orrery/bus';
import type { NodeView } from './planning/model.ts';
import type { Vector } from './planning/vector.ts';

/** A node as the scheduler counts it, and as a pass looks at it: a pass copies its own fields. */
export class SchedulerNode implements NodeView {
  readonly name: string;
  capacity: NodeCapacity;
  group: string;
  architecture: string;
  isSchedulable: boolean;
  containersMax: number | undefined;
  total: readonly number[];
  /** Below zero where it shrank under what it had given. */
  readonly free: number[];
  containers = 0;
  turn = 0;
  /** Found from what is known of all nodes (`cluster-network.ts`). */
  network: string | undefined;

  constructor(capacity: NodeCapacity, total: readonly number[]) {
    this.name = capacity.node;
    this.capacity = capacity;
    this.group = capacity.resourceGroup;
    this.architecture = capacity.architecture;
    this.isSchedulable = capacity.isSchedulable;
    this.containersMax = capacity.containersMax;
    this.total = total;
    this.free = [...total];
  }

  resize(capacity: NodeCapacity, total: readonly number[]): void {
    for (let slot = 0; slot < total.length; slot += 1)
      this.free[slot] = (this.free[slot] ?? 0) + (total[slot] ?? 0) - (this.total[slot] ?? 0);
    this.capacity = capacity;
    this.group = capacity.resourceGroup;
    this.architecture = capacity.architecture;
    this.isSchedulable = capacity.isSchedulable;
    this.containersMax = capacity.containersMax;
    this.total = total;
  }

  give(request: Vector, sign: 1 | -1): void {
    for (let slot = 0; slot < this.free.length; slot += 1)
      this.free[slot] = (this.free[slot] ?? 0) - sign * (request[slot] ?? 0);
    this.containers += sign;
  }
}
