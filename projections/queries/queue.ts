import { sql } from 'slonik';
import type { QueueRow } from '../rows.ts';
import { storable } from '../storable-text.ts';
import { columnsOf } from '../table-sql.ts';
import { tables } from '../tables.ts';
import type { Source } from './source.ts';

const COLUMNS = columnsOf(tables.queue, 'q');

export async function findWaiting(
  source: Source,
  sessionId: string,
): Promise<QueueRow | undefined> {
  return await source.read(async (connection) => {
    const row = await connection.maybeOne(
      sql.type(tables.queue.row)`
        SELECT ${COLUMNS} FROM ${source.table('queue')} AS q
        WHERE q.session_id = ${storable(sessionId)} AND q.is_waiting`,
    );
    return row ?? undefined;
  });
}
