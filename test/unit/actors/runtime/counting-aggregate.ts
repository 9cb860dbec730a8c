import type { AggregateName } from '@orrery/bus';
import { type Bus, contentId, ok } from '@orrery/bus';
import type { Aggregate } from '../../../../actors/runtime/aggregate.ts';

export interface Counted {
  readonly type: 'counted';
  readonly by: number;
}

interface Count {
  total: number;
  /** Something of a size, so that memory has one. */
  readonly ballast: string;
}

/** An aggregate that counts, for tests of what is not about any entity. */
export function countingAggregate(options: {
  readonly name: AggregateName;
  readonly folds: 'in place' | 'into new states';
  readonly storedVersion?: number;
  readonly ballast?: string;
}): Aggregate<Count, never, Counted> {
  const { name, folds, storedVersion = 1, ballast = '' } = options;
  const foldsInPlace = folds === 'in place';
  return {
    name,
    schemaVersion: 1,
    storedVersion,
    foldsInPlace,
    parseCommand: () => {
      throw new Error('it takes no commands');
    },
    initial: () => ({ total: 0, ballast }),
    decide: () => ok({ events: [] }),
    apply: (state, { by }) => {
      if (!foldsInPlace) return { state: { ...state, total: state.total + by }, effects: [] };
      state.total += by;
      return { state, effects: [] };
    },
    messages: () => [],
    reconcile: () => [],
    deadline: () => undefined,
    describe: ({ total }) => String(total),
    serialise: ({ total }) => [{ total }],
    restore: (state, part) => ({ ...state, ...(part as { readonly total: number }) }),
  };
}

/** Appends commits that count up by one each; gives the sequence of the last. */
export async function count(
  bus: Bus,
  place: { readonly name: AggregateName; readonly id: string },
  commits: number,
): Promise<number> {
  let [sequence, revision, previousHash] = [0, 0, ''];
  for await (const commit of bus.log.read(place.name, place.id))
    [sequence, revision, previousHash] = [commit.sequence, commit.firstRevision, commit.hash];
  for (let index = 0; index < commits; index++) {
    revision += 1;
    const content = {
      aggregate: place.name,
      aggregateId: place.id,
      firstRevision: revision,
      schemaVersion: 1,
      recordedAtMs: 0,
      actor: { kind: 'system', id: 'test' } as const,
      commandId: `command-${revision}`,
      commandType: 'count',
      inboxSequence: revision,
      previousHash,
      events: [{ type: 'counted', by: 1 }],
    };
    const commit = { id: contentId(JSON.stringify(content)), ...content };
    ({ sequence, hash: previousHash } = await bus.log.append(commit, sequence));
  }
  return sequence;
}
