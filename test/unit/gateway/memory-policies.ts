import { addSlots, type RecordedCommit, SchedulerEvent, type Slots } from '@orrery/bus';
import type {
  AgentRow,
  GroupRules,
  Held,
  LimitsRow,
  ListedGroup,
  NodeRoom,
  Owner,
  SessionRow,
} from '@orrery/projections';
import type { ClusterMoment } from '../../../projections/cluster-fold.ts';
import { limitsId, projectLimits, projectResourceGroup } from '../../../projections/policies.ts';
import type { ResourceGroupRow } from '../../../projections/rows.ts';

/** What the memory projections know of the cluster. */
interface Known {
  readonly nodes: readonly AgentRow[];
  readonly sessions: readonly SessionRow[];
  readonly moment: ClusterMoment;
}

const NONE: Slots = {};

/** Resource groups and limits, folded from the scheduler's events. */
export class MemoryPolicies {
  readonly #groups = new Map<string, ResourceGroupRow>();
  readonly #limits = new Map<string, LimitsRow>();

  take(commit: RecordedCommit): void {
    const { aggregateId: id, firstRevision, sequence, recordedAtMs } = commit;
    for (const [index, unparsed] of commit.events.entries()) {
      const event = SchedulerEvent.parse(unparsed);
      const at = { id, revision: firstRevision + index, sequence, recordedAtMs };
      if (event.type === 'group-policy-set' || event.type === 'group-removed')
        this.#groups.set(event.group, projectResourceGroup(event, at));
      if (event.type === 'limits-set')
        this.#limits.set(limitsId(event.scope, event.key), projectLimits(event, at));
    }
  }

  rules(): readonly GroupRules[] {
    return [...this.#groups.values()].filter(({ policy }) => policy !== null);
  }

  groups(always: string, { nodes, sessions, moment }: Known): readonly ListedGroup[] {
    const set = [...this.#groups.values()].filter(({ policy }) => policy !== null);
    const names = [
      always,
      ...set.map(({ name }) => name),
      ...nodes.map((node) => node.resourceGroup),
    ];
    return [...new Set(names)].toSorted().map((name) => {
      const own = nodes.filter((node) => node.resourceGroup === name);
      const row = set.find((one) => one.name === name);
      const here = moment.nodes.filter((node) => node.resourceGroup === name);
      return {
        name,
        policy: row?.policy ?? null,
        setAtMs: row?.setAtMs ?? null,
        agents: own.length,
        schedulableAgents: own.filter(({ isSchedulable }) => isSchedulable).length,
        pendingSessions: sessions.filter(
          ({ status, resourceGroup }) => status === 'PENDING' && resourceGroup === name,
        ).length,
        availableSlots: own.map(({ availableSlots }) => availableSlots).reduce(addSlots, NONE),
        occupiedSlots: here.map(({ occupiedSlots }) => occupiedSlots).reduce(addSlots, NONE),
      };
    });
  }

  room(group: string, { moment }: Known): readonly NodeRoom[] {
    return moment.nodes
      .filter((node) => node.resourceGroup === group && node.isSchedulable)
      .map((node) => ({ available: node.availableSlots, occupied: node.occupiedSlots }));
  }

  limits({ scope, key }: Owner): LimitsRow | undefined {
    const row = this.#limits.get(limitsId(scope, key));
    return row?.limits === null ? undefined : row;
  }

  held({ scope, key }: Owner, { sessions, moment }: Known): Held {
    const column = { keypair: 'accessKey', user: 'ownerUserId', project: 'projectId' } as const;
    const own = sessions.filter(
      (session) => session[scope === 'domain' ? 'domain' : column[scope]] === key,
    );
    const ids = new Set(own.map(({ id }) => id));
    const held = moment.allocations.filter(({ sessionId }) => ids.has(sessionId));
    return {
      slots: held.map(({ slots }) => slots).reduce(addSlots, NONE),
      sessions: new Set(held.map(({ sessionId }) => sessionId)).size,
      systemSessions: 0,
      pendingSessions: own.filter(({ status }) => status === 'PENDING').length,
    };
  }
}
