import type { SessionWithKernels } from './projections.ts';
import type {
  DomainRow,
  ImageRow,
  KeypairRow,
  LimitsRow,
  NodeRow,
  PolicyRow,
  PresetRow,
  ProjectRow,
  RegistryRow,
  ResourceGroupRow,
  UserRow,
} from './rows.ts';
import type { Scheduling } from './scheduling.ts';

interface StateOf {
  readonly session: SessionWithKernels;
  readonly scheduling: Scheduling;
  readonly node: NodeRow;
  readonly image: ImageRow;
  readonly user: UserRow;
  readonly keypair: KeypairRow;
  readonly preset: PresetRow;
  readonly registry: RegistryRow;
  readonly domain: DomainRow;
  readonly project: ProjectRow;
  readonly policy: PolicyRow;
  readonly group: ResourceGroupRow;
  readonly limits: LimitsRow;
}
/** What is folded as one: the rows of one aggregate, or the scheduler's rows of one session. */
export type Kind = keyof StateOf;
export const KINDS = [
  'session',
  'scheduling',
  'node',
  'image',
  'user',
  'keypair',
  'preset',
  'registry',
  'domain',
  'project',
  'policy',
  'group',
  'limits',
] as const satisfies readonly Kind[];

/** Folded states by id. */
export type Folded = { readonly [kind in Kind]: Map<string, StateOf[kind]> };

export function emptyFolded(): Folded {
  return {
    session: new Map(),
    scheduling: new Map(),
    node: new Map(),
    image: new Map(),
    user: new Map(),
    keypair: new Map(),
    preset: new Map(),
    registry: new Map(),
    domain: new Map(),
    project: new Map(),
    policy: new Map(),
    group: new Map(),
    limits: new Map(),
  };
}

/** Whether little more is to be heard of it: it is over and holds nothing. */
export function isEnded(folded: Folded, kind: Kind, id: string): boolean {
  if (kind === 'session') return (folded.session.get(id)?.session.terminatedAtMs ?? null) !== null;
  if (kind !== 'scheduling') return false;
  const { queue, allocations = [] } = folded.scheduling.get(id) ?? {};
  return queue?.isWaiting === false && allocations.every(({ isReleased }) => isReleased);
}

/** Ids by kind. */
export type Ids = Readonly<Record<Kind, ReadonlySet<string>>>;

export function emptyIds(): Readonly<Record<Kind, Set<string>>> {
  return {
    session: new Set(),
    scheduling: new Set(),
    node: new Set(),
    image: new Set(),
    user: new Set(),
    keypair: new Set(),
    preset: new Set(),
    registry: new Set(),
    domain: new Set(),
    project: new Set(),
    policy: new Set(),
    group: new Set(),
    limits: new Set(),
  };
}
