import type { KernelRow, UserRow } from '@orrery/projections';
import { GatheredRead } from '../feed/gathered-read.ts';
import type { Gateway } from '../gateway.ts';

/** Of one request. */
export interface Loaders {
  userById(id: string): Promise<UserRow | undefined>;
  kernelsOfSession(sessionId: string): Promise<readonly KernelRow[]>;
}

export function createLoaders({
  projections,
  identities,
  kernelRows,
}: Pick<Gateway, 'projections' | 'identities' | 'kernelRows'>): Loaders {
  const users = new GatheredRead<UserRow>(async (ids) => {
    const rows = await projections.usersByIds(ids);
    return new Map(rows.map((row) => [row.id, row]));
  });
  const known = new Map<string, Promise<UserRow | undefined>>();
  return {
    userById: (id) => {
      const user = known.get(id) ?? identities.knownUser(id) ?? users.load(id);
      const found = Promise.resolve(user);
      known.set(id, found);
      return found;
    },
    kernelsOfSession: async (sessionId) => (await kernelRows.load(sessionId)) ?? [],
  };
}
