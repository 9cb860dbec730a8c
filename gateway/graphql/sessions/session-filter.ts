import { SessionStatus } from '@orrery/bus';
import type { SessionFilter, SessionRow } from '@orrery/projections';
import { z } from 'zod';

const SEARCH_CHARACTERS_MAX = 256;

export const SessionFilterInput = z.strictObject({
  statuses: z.array(SessionStatus).optional(),
  types: z.array(z.enum(['INTERACTIVE', 'BATCH'])).optional(),
  isLive: z.boolean().optional(),
  name: z.string().max(SEARCH_CHARACTERS_MAX).optional(),
  nameContains: z.string().max(SEARCH_CHARACTERS_MAX).optional(),
  ownerId: z.uuid().optional(),
  projectId: z.string().max(SEARCH_CHARACTERS_MAX).optional(),
});
export type SessionFilterInput = Readonly<z.infer<typeof SessionFilterInput>>;

export function toSessionFilter(input: SessionFilterInput | undefined): SessionFilter {
  const { types, ownerId, ...rest } = input ?? {};
  return {
    ...rest,
    sessionTypes: types?.map((type) => (type === 'BATCH' ? 'batch' : 'interactive')),
    ownerUserId: ownerId,
  };
}

/** Whether a filter takes a session: for what comes from the log, the same as the projections' query. */
export function isTakenBy(filter: SessionFilter, row: SessionRow): boolean {
  const { statuses, sessionTypes, isLive, name, nameContains, ownerUserId, projectId } = filter;
  return (
    (statuses === undefined || statuses.includes(row.status)) &&
    (sessionTypes === undefined || sessionTypes.includes(row.sessionType)) &&
    (isLive === undefined || isLive === (row.terminatedAtMs === null)) &&
    (name === undefined || row.name === name) &&
    (nameContains === undefined || row.name.toLowerCase().includes(nameContains.toLowerCase())) &&
    (ownerUserId === undefined || row.ownerUserId === ownerUserId) &&
    (projectId === undefined || row.projectId === projectId)
  );
}
