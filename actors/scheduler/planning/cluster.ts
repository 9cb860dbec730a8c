import type { Left } from './kept-room.ts';
import type { GroupPolicy, NodeView, PendingView } from './model.ts';
import { NodeOrder, type WorkNode } from './node-order.ts';
import { preferenceOf } from './strategies.ts';
import { largest, setOf, type Vector } from './vector.ts';

/** One placement that may still be taken back. */
export interface Taken {
  readonly node: WorkNode;
  readonly request: Vector;
  readonly containers: number;
  readonly turnBefore: number;
}

/** Nodes looked at in one pass for gangs that did not fit at first: the work stays bounded however many wait. */
const LOOKS_MAX = 100_000;

/** The nodes of one group while a pass gives them away. */
export class GroupCluster {
  readonly nodes: ReadonlyMap<string, WorkNode>;
  /** Counted by who looks. */
  looksLeft = LOOKS_MAX;
  readonly #slots: readonly string[];
  readonly #policy: GroupPolicy;
  /** By architecture asked for (empty: any) and set of slots. */
  readonly #orders = new Map<string, NodeOrder>();
  readonly #ordersOf = new Map<string, NodeOrder[]>();
  readonly #compatible = new Map<string, readonly WorkNode[]>();
  #networks: readonly string[] | undefined;
  readonly #everCompatible = new Map<string, readonly NodeView[]>();
  readonly #views: readonly NodeView[];
  #turn: number;

  constructor(views: readonly NodeView[], slots: readonly string[], policy: GroupPolicy) {
    this.#views = limited(views, policy);
    const usable = this.#views.filter(({ isSchedulable }) => isSchedulable);
    this.nodes = new Map(
      usable.map((view): [string, WorkNode] => [view.name, { ...view, free: [...view.free] }]),
    );
    this.#slots = slots;
    this.#policy = policy;
    this.#turn = usable.reduce((latest, { turn }) => Math.max(latest, turn), 0);
  }

  orderFor({ architecture = '' }: Pick<PendingView, 'architecture'>, request: Vector): NodeOrder {
    const set = setOf(request);
    const key = `${architecture}/${set}`;
    const known = this.#orders.get(key);
    if (known !== undefined) return known;
    const places = this.#slots.map((_, slot) => slot).filter((slot) => (request[slot] ?? 0) > 0);
    const preference = preferenceOf({ places, slots: this.#slots, policy: this.#policy });
    const order = new NodeOrder({
      places,
      slotCount: this.#slots.length,
      preference,
      nodes: this.compatible(architecture),
    });
    this.#orders.set(key, order);
    const same = this.#ordersOf.get(architecture) ?? [];
    same.push(order);
    this.#ordersOf.set(architecture, same);
    return order;
  }

  take(node: WorkNode, request: Vector, containers: number): Taken {
    const turnBefore = node.turn;
    this.#change(node, () => {
      for (let slot = 0; slot < node.free.length; slot += 1) {
        node.free[slot] = (node.free[slot] ?? 0) - (request[slot] ?? 0);
      }
      node.containers += containers;
      this.#turn += 1;
      node.turn = this.#turn;
    });
    return { node, request, containers, turnBefore };
  }

  giveBack({ node, request, containers, turnBefore }: Taken): void {
    this.#change(node, () => {
      for (let slot = 0; slot < node.free.length; slot += 1) {
        node.free[slot] = (node.free[slot] ?? 0) + (request[slot] ?? 0);
      }
      node.containers -= containers;
      node.turn = turnBefore;
    });
  }

  /** After something was given back that a pass had not taken itself. */
  forgetAllFailures(): void {
    for (const order of this.#orders.values()) order.forgetFailures(0);
  }

  compatible(architecture: string): readonly WorkNode[] {
    const known = this.#compatible.get(architecture);
    if (known !== undefined) return known;
    const all = [...this.nodes.values()];
    const some =
      architecture === '' ? all : all.filter((node) => node.architecture === architecture);
    this.#compatible.set(architecture, some);
    return some;
  }

  /** Those that take no sessions now too. */
  everCompatible(architecture: string): readonly NodeView[] {
    if (architecture === '') return this.#views;
    const known = this.#everCompatible.get(architecture);
    if (known !== undefined) return known;
    const some = this.#views.filter((view) => view.architecture === architecture);
    this.#everCompatible.set(architecture, some);
    return some;
  }

  largestFree(architecture: string): Vector {
    const free = this.compatible(architecture).map((node) => node.free);
    return largest(free, this.#slots.length);
  }

  /** What its nodes have for networks, the one of most nodes first. */
  get networks(): readonly string[] {
    this.#networks ??= networksOf([...this.nodes.values()]);
    return this.#networks;
  }

  get inGroup(): number {
    return this.#views.length;
  }

  /** What all usable nodes have together. */
  capacity(): Vector {
    const all = new Array<number>(this.#slots.length).fill(0);
    for (const { total } of this.nodes.values()) {
      for (let slot = 0; slot < all.length; slot += 1) {
        all[slot] = (all[slot] ?? 0) + (total[slot] ?? 0);
      }
    }
    return all;
  }

  #change(node: WorkNode, change: () => void): void {
    const orders = [
      ...(this.#ordersOf.get('') ?? []),
      ...(this.#ordersOf.get(node.architecture) ?? []),
    ];
    for (const order of orders) order.remove(node);
    change();
    for (const order of orders) order.insert(node);
  }
}

/** With what the group lets each node have, where that is less than what the node says. */
function limited(
  views: readonly NodeView[],
  { containersPerNodeMax: most }: GroupPolicy,
): readonly NodeView[] {
  if (most === undefined) return views;
  return views.map((view) => ({
    ...viewOf(view),
    containersMax: Math.min(most, view.containersMax ?? most),
  }));
}

/** Its own fields, wherever they come from. */
function viewOf(view: NodeView): NodeView {
  const { name, group, architecture, isSchedulable, total, free, containers, turn, network } = view;
  return { name, group, architecture, isSchedulable, total, free, containers, turn, network };
}

export function networkOf({ network = '' }: Pick<NodeView, 'network'>): string {
  return network;
}

function networksOf(nodes: readonly WorkNode[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const node of nodes) counts.set(networkOf(node), (counts.get(networkOf(node)) ?? 0) + 1);
  return [...counts]
    .sort(([left, some], [right, more]) => more - some || (left < right ? -1 : 1))
    .map(([network]) => network);
}

export function hasContainersLeft({ containers, containersMax }: WorkNode, more: number): boolean {
  return containersMax === undefined || containers + more <= containersMax;
}

/** What is left on the nodes where something was taken. */
export function leftOn(taken: readonly Taken[]): ReadonlyMap<string, Left> {
  return new Map(
    taken.map(({ node: { name, free, containers, containersMax = Infinity } }) => [
      name,
      { slots: [...free], containers: containersMax - containers },
    ]),
  );
}
