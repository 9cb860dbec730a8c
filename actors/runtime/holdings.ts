import type { AggregateName, Bus } from '@orrery/bus';
import { LRUCache } from 'lru-cache';
import type { AnyAggregate } from './aggregate.ts';
import { absent, type Held, replay, subjectKey } from './turn.ts';

/** Commits after which a large fold is saved, so that a cold start reads only what came after. */
const COMMITS_PER_SNAPSHOT = 1000;

/** The aggregates a host has in memory. */
export interface Holdings {
  /** From memory, else from the newest snapshot and the log after it. */
  load(aggregate: AnyAggregate, id: string): Promise<Held>;
  find(aggregate: AggregateName, id: string): Held | undefined;
  keep(aggregate: AggregateName, held: Held): void;
  /** After a refused or doubtful commit: what is held may be wrong. */
  drop(aggregate: AggregateName, id: string): void;
  saveWhenDue(aggregate: AnyAggregate, held: Held): Promise<void>;
  readonly size: number;
}

export function createHoldings(bus: Bus, heldMax: number): Holdings {
  const cache = new LRUCache<string, Held>({ max: heldMax });
  return {
    async load(aggregate, id) {
      const key = subjectKey(aggregate.name, id);
      const known = cache.get(key);
      if (known !== undefined) return known;
      const held = (await fromSnapshot(bus, aggregate, id)) ?? absent(aggregate, id);
      for await (const commit of bus.log.read(aggregate.name, id, held.sequence)) {
        replay(aggregate, held, commit);
      }
      cache.set(key, held);
      return held;
    },
    find: (aggregate, id) => cache.get(subjectKey(aggregate, id)),
    keep: (aggregate, held) => {
      cache.set(subjectKey(aggregate, held.id), held);
    },
    drop: (aggregate, id) => {
      cache.delete(subjectKey(aggregate, id));
    },
    async saveWhenDue(aggregate, held) {
      if (!aggregate.foldsInPlace || held.unsavedCommits < COMMITS_PER_SNAPSHOT) return;
      const { sequence } = held;
      await bus.snapshots.save(aggregate.name, held.id, {
        sequence,
        body: bodyOf(aggregate, held),
      });
      held.unsavedCommits = 0;
    },
    get size() {
      return cache.size;
    },
  };
}

function bodyOf(aggregate: AnyAggregate, held: Held): string {
  const { revision, hash, inboxSequence, commandId, commitId } = held;
  const state: unknown = aggregate.serialise(held.state);
  return JSON.stringify({ state, revision, hash, inboxSequence, commandId, commitId });
}

/** Only aggregates with long logs have snapshots; others are a dozen commits. */
async function fromSnapshot(
  bus: Bus,
  aggregate: AnyAggregate,
  id: string,
): Promise<Held | undefined> {
  if (!aggregate.foldsInPlace) return undefined;
  const saved = await bus.snapshots.load(aggregate.name, id);
  if (saved === undefined) return undefined;
  const { state, ...rest } = JSON.parse(saved.body);
  return {
    ...absent(aggregate, id),
    ...rest,
    sequence: saved.sequence,
    state: aggregate.deserialise(state, id),
  };
}
