import type { ClusterNetwork, EngineFacts } from '@orrery/bus';
import type { AllocatedSession } from './allocated-session.ts';
import type { SchedulerState } from './state.ts';

/**
 * How the kernels of a session that was placed reach each other. Undefined: it has one kernel, or its nodes know of
 * no networks.
 */
export function networkOf(
  { placements, group }: Pick<AllocatedSession, 'placements' | 'group'>,
  { nodes, policies }: Pick<SchedulerState, 'nodes' | 'policies'>,
): ClusterNetwork | undefined {
  const [first] = placements;
  if (first === undefined || placements.length === 1) return undefined;
  const names = [...new Set(placements.map(({ node }) => node))];
  const engines = names.flatMap((name) => nodes.get(name)?.capacity.engine ?? []);
  if (engines.length === 0) return undefined;
  if (policies.get(group)?.usesHostNetwork === true) return onHosts(names, engines);
  if (engines.length < names.length)
    return apart(names, 'an agent among them knows of no networks');
  if (new Set(engines.map(({ id }) => id)).size === 1)
    return { driver: 'bridge', node: first.node };
  const [some = [], ...others] = engines.map(({ swarm }) => swarm?.managers ?? []);
  const managers = new Set(some.filter((id) => others.every((known) => known.includes(id))));
  if (managers.size === 0) return apart(names, 'their engines are not in one swarm');
  const isManager = (name: string): boolean =>
    managers.has(nodes.get(name)?.capacity.engine?.swarm?.member ?? '');
  const isOpen = (name: string): boolean => nodes.get(name)?.isSchedulable === true;
  const all = [...nodes.keys()].filter(isManager).sort();
  const maker = names.find(isManager) ?? all.find(isOpen) ?? all[0];
  if (maker === undefined) return apart(names, 'no agent is with a manager of their swarm');
  return { driver: 'overlay', node: maker };
}

function onHosts(names: readonly string[], engines: readonly EngineFacts[]): ClusterNetwork {
  const areKnown = names.length === 1 || engines.every(({ address }) => address !== undefined);
  return areKnown && engines.length === names.length
    ? { driver: 'host' }
    : apart(names, 'the address of one of them is not known: set agent.address there');
}

function apart(names: readonly string[], why: string): ClusterNetwork {
  return {
    driver: 'impossible',
    message: `the agents ${names.join(', ')} have no network in common: ${why}`,
  };
}

type State = Pick<SchedulerState, 'nodes' | 'policies' | 'areNetworksStale'>;

/**
 * Tells each node which others its kernels can reach, so that placement chooses where `networkOf` will find a network:
 * those with an engine of the same swarm, if an agent is with a manager that all of them know, else of the same engine.
 */
export function findNetworks(state: State): void {
  if (!state.areNetworksStale) return;
  state.areNetworksStale = false;
  const swarms = swarmsOf(state);
  for (const node of state.nodes.values()) {
    const { engine } = node.capacity;
    const isOnHost = state.policies.get(node.group)?.usesHostNetwork === true;
    if (engine === undefined) node.network = undefined;
    else if (isOnHost) node.network = engine.address === undefined ? `node ${node.name}` : 'host';
    else node.network = swarms.get(node.name) ?? `engine ${engine.id}`;
  }
}

/** By node, the swarm it counts to: of the manager that most know. */
function swarmsOf({ nodes }: Pick<State, 'nodes'>): ReadonlyMap<string, string> {
  const members = new Set<string>();
  const knownBy = new Map<string, string[]>();
  for (const { name, capacity } of nodes.values()) {
    if (capacity.engine?.swarm === undefined) continue;
    members.add(capacity.engine.swarm.member);
    for (const manager of capacity.engine.swarm.managers) append(knownBy, manager, name);
  }
  const inOrder = [...knownBy]
    .filter(([manager]) => members.has(manager))
    .sort(([left, some], [right, more]) => more.length - some.length || (left < right ? -1 : 1));
  const swarms = new Map<string, string>();
  for (const [manager, names] of inOrder)
    for (const name of names) if (!swarms.has(name)) swarms.set(name, `swarm ${manager}`);
  return swarms;
}

function append(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
