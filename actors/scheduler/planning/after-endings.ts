import { GroupCluster, type Taken } from './cluster.ts';
import { PlacementMembers } from './members.ts';
import type { GroupPolicy, RunningView, Situation } from './model.ts';
import type { PlaceCircumstances } from './place.ts';

interface Group {
  readonly views: Situation['nodes'];
  readonly slots: readonly string[];
  readonly policy: GroupPolicy;
  readonly running: readonly RunningView[];
}

/**
 * The nodes of a group as they will be when all who are told to end have gone, and all for whom room is made have
 * come. What a pass gives away is to be told to it.
 */
export class AfterEndings {
  readonly cluster: GroupCluster;
  readonly members: PlacementMembers;

  constructor({ views, slots, policy, running }: Group) {
    this.cluster = new GroupCluster(views, slots, policy);
    this.members = new PlacementMembers(running);
    this.release(running.filter(({ isEnding }) => isEnding === true));
  }

  get circumstances(): Pick<PlaceCircumstances, 'cluster' | 'members'> {
    return { cluster: this.cluster, members: this.members };
  }

  /** They will end. */
  release(some: readonly RunningView[]): void {
    for (const one of some) {
      this.members.move(one, -1);
      for (const { node: name, request } of one.placements) {
        const node = this.cluster.nodes.get(name);
        if (node === undefined) continue;
        this.cluster.giveBack({ node, request, containers: 1, turnBefore: node.turn });
      }
    }
    this.cluster.forgetAllFailures();
  }

  /** They will not end after all. */
  keepOn(some: readonly RunningView[]): void {
    for (const one of some) {
      this.members.move(one, 1);
      for (const { node: name, request } of one.placements) {
        const node = this.cluster.nodes.get(name);
        if (node !== undefined) this.cluster.take(node, request, 1);
      }
    }
  }

  /** The pass has given so much away on these nodes. */
  started(taken: readonly Taken[]): void {
    for (const { node: there, request, containers } of taken) {
      const node = this.cluster.nodes.get(there.name);
      if (node !== undefined) this.cluster.take(node, request, containers);
    }
  }
}
