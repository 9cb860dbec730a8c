/** A command that somebody was asked to take, and that is not answered yet. */
export interface Asked {
  readonly partition: number;
  /** Of its aggregate. */
  readonly key: string;
  isStored: boolean;
  /** Puts it into the inbox. */
  store(): void;
}

/**
 * What one connection has asked past the inboxes, in its order: what is put into an inbox does not overtake
 * what was asked before it.
 */
export class Outstanding {
  readonly #byPartition = new Map<number, Set<Asked>>();
  readonly #byAggregate = new Map<string, Set<Asked>>();

  enter(asked: Asked): void {
    add(this.#byPartition, asked.partition, asked);
    add(this.#byAggregate, asked.key, asked);
  }

  leave(asked: Asked): void {
    remove(this.#byPartition, asked.partition, asked);
    remove(this.#byAggregate, asked.key, asked);
  }

  /** Whether one to the aggregate waits in its inbox: then a later one must wait behind it. */
  waitsInInbox(key: string): boolean {
    for (const { isStored } of this.#byAggregate.get(key) ?? []) if (isStored) return true;
    return false;
  }

  /** Whoever was asked is gone, and does not answer any more. */
  storeAll(partition: number): void {
    storeEach([...(this.#byPartition.get(partition) ?? [])]);
  }

  /** One is put into the inbox, and before it those to the same aggregate that were asked before. */
  storeUpTo(asked: Asked): void {
    const all = [...(this.#byAggregate.get(asked.key) ?? [])];
    storeEach(all.slice(0, all.indexOf(asked) + 1));
  }
}

function storeEach(all: readonly Asked[]): void {
  for (const asked of all) if (!asked.isStored) asked.store();
}

function add<Key>(sets: Map<Key, Set<Asked>>, key: Key, asked: Asked): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([asked]));
  else set.add(asked);
}

function remove<Key>(sets: Map<Key, Set<Asked>>, key: Key, asked: Asked): void {
  const set = sets.get(key);
  set?.delete(asked);
  if (set?.size === 0) sets.delete(key);
}
