import { addSlots, ok, type Rejection, type Result, type Slots } from '@orrery/bus';
import type {
  HeldTimeRequest,
  HeldTimeRow,
  Page,
  Projections,
  QuotaListing,
  QuotaRow,
  SessionRow,
} from '@orrery/projections';
import { isVisible } from '@orrery/projections';
import type { AllocationRow } from '../../../projections/rows.ts';
import { pageOf } from './memory-directory.ts';

/** What sessions hold and held, as the memory projections know it. */
export interface HeldInMemory {
  readonly allocations: readonly AllocationRow[];
  readonly sessions: readonly SessionRow[];
}

const COLUMNS = { user: 'ownerUserId', project: 'projectId', domain: 'domain' } as const;

/** Of owners that the directory lists. */
export async function memoryQuotas(
  projections: Projections,
  { scope, visibility, key, ...page }: QuotaListing,
  { allocations, sessions }: HeldInMemory,
) {
  const all = { first: 1_000, visibility };
  const listed = {
    user: async () => rowsOf(await projections.listUsers(all)).map(({ id, email }) => [id, email]),
    project: async () =>
      rowsOf(await projections.listProjects(all)).map(({ id, name }) => [id, name]),
    domain: async () => rowsOf(await projections.listDomains(all)).map(({ name }) => [name, name]),
  };
  const rows: QuotaRow[] = [];
  for (const [id = '', name = ''] of await listed[scope]()) {
    if (key !== undefined && key !== id) continue;
    const own = sessions.filter((session) => session[COLUMNS[scope]] === id);
    const heldSlots: Record<string, Slots> = {};
    const held = new Set<string>();
    for (const { sessionId, slots, isReleased } of allocations) {
      const session = own.find((one) => one.id === sessionId);
      if (session === undefined || isReleased) continue;
      held.add(sessionId);
      heldSlots[session.resourceGroup] = addSlots(heldSlots[session.resourceGroup] ?? {}, slots);
    }
    const limits = (await projections.findLimits({ scope, key: id }))?.limits ?? null;
    const pendingSessions = own.filter(({ status }) => status === 'PENDING').length;
    rows.push({ key: id, name, limits, heldSlots, sessions: held.size, pendingSessions });
  }
  return ok(pageOf(rows, page));
}

function rowsOf<Row>(listed: Result<Page<Row>, Rejection>): readonly Row[] {
  if (!listed.ok) throw new Error(listed.error.message);
  return listed.value.edges.map(({ row }) => row);
}

/** In whole days, told apart by nothing but the day and the user. */
export function memoryHeldTime(
  { fromDay, toDay, nowMs, visibility }: HeldTimeRequest,
  { allocations, sessions }: HeldInMemory,
): Result<readonly HeldTimeRow[], Rejection> {
  const nobody = { projectId: null, domain: null, resourceGroup: null, projectName: null };
  return ok(
    allocations.flatMap(({ sessionId, slots, heldFromMs, heldUntilMs }) => {
      const day = Math.floor(heldFromMs / 86_400_000);
      const session = sessions.find(({ id }) => id === sessionId);
      if (session === undefined || !isVisible(visibility, session)) return [];
      if (day < fromDay || day > toDay) return [];
      const seconds = ((heldUntilMs ?? nowMs) - heldFromMs) / 1000;
      return Object.entries(slots).map(([slot, amount]) => ({
        ...nobody,
        day,
        userId: session.ownerUserId,
        userEmail: session.ownerEmail,
        slot,
        slotSeconds: String(Number(amount) * seconds),
      }));
    }),
  );
}
