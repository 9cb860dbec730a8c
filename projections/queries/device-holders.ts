import { HeldDevice } from '@orrery/bus';
import { sql } from 'slonik';
import { z } from 'zod';
import type { DeviceHolder } from '../projections.ts';
import { storable } from '../storable-text.ts';
import type { Visibility } from '../visibility.ts';
import { visible } from './sessions.ts';
import type { Source } from './source.ts';

const Holder = z.object({
  agentId: z.string(),
  kernelId: z.string(),
  sessionId: z.string(),
  sessionName: z.string(),
  isVisible: z.boolean(),
  devices: z.array(HeldDevice),
});

/** The kernels on some agents that hold accelerators now. */
export async function deviceHolders(
  source: Source,
  agentIds: readonly string[],
  visibility: Visibility,
): Promise<readonly DeviceHolder[]> {
  const wanted = sql.array(agentIds.map(storable), 'text');
  return await source.read((connection) =>
    connection.any(
      sql.type(Holder)`
        SELECT k.agent_id AS "agentId", k.id AS "kernelId", k.session_id AS "sessionId",
          s.name AS "sessionName", ${visible(visibility)} AS "isVisible", k.devices
        FROM ${source.table('kernels')} AS k
        JOIN ${source.table('sessions')} AS s ON s.id = k.session_id
        WHERE k.agent_id = ANY(${wanted}) AND NOT k.is_over AND k.devices <> '[]'
        ORDER BY k.agent_id, s.name, k.local_rank`,
    ),
  );
}
