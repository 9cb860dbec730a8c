import type { KernelRow, Projections, UserRow } from '@orrery/projections';
import type { Identities } from '../auth/identities.ts';

/** Ids looked up by one query. */
const IDS_AT_ONCE_MAX = 500;

type Fetch<Value> = (ids: readonly string[]) => Promise<ReadonlyMap<string, Value>>;

/** Looks up together what is asked for in the same moment; each id once. */
class BatchLoader<Value> {
  readonly #fetch: Fetch<Value>;
  readonly #known = new Map<string, Promise<Value | undefined>>();
  #gathering:
    | { readonly ids: string[]; readonly found: Promise<ReadonlyMap<string, Value>> }
    | undefined;

  constructor(fetch: Fetch<Value>) {
    this.#fetch = fetch;
  }

  load(id: string): Promise<Value | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    const batch = this.#batch();
    batch.ids.push(id);
    const value = batch.found.then((found) => found.get(id));
    this.#known.set(id, value);
    return value;
  }

  #batch(): { readonly ids: string[]; readonly found: Promise<ReadonlyMap<string, Value>> } {
    if (this.#gathering !== undefined && this.#gathering.ids.length < IDS_AT_ONCE_MAX)
      return this.#gathering;
    const ids: string[] = [];
    const found = Promise.resolve().then(() => {
      if (this.#gathering?.ids === ids) this.#gathering = undefined;
      return this.#fetch(ids);
    });
    this.#gathering = { ids, found };
    return this.#gathering;
  }
}

/** Of one request. */
export interface Loaders {
  userById(id: string): Promise<UserRow | undefined>;
  kernelsOfSession(sessionId: string): Promise<readonly KernelRow[]>;
}

export function createLoaders(projections: Projections, identities: Identities): Loaders {
  const users = new BatchLoader<UserRow>(async (ids) => {
    const [first = ''] = ids;
    const only = ids.length === 1 ? await identities.findUser(first) : undefined;
    if (only !== undefined) return new Map([[first, only]]);
    const rows = await projections.usersByIds(ids);
    return new Map(rows.map((row) => [row.id, row]));
  });
  const kernels = new BatchLoader<readonly KernelRow[]>(async (ids) => {
    const rows = await projections.kernelsOfSessions(ids);
    return Map.groupBy(rows, (row) => row.sessionId);
  });
  return {
    userById: (id) => users.load(id),
    kernelsOfSession: async (sessionId) => (await kernels.load(sessionId)) ?? [],
  };
}
