import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

/** Any number that nobody else locks; with the hash of the schema's name it names one set of tables. */
const LEADERSHIP_LOCK = 7_305_002;

/** Whether this connection, and so no other, may now write the tables of the schema. */
export function tryToLead(connection: CommonQueryMethods, schema: string): Promise<boolean> {
  return connection.oneFirst(
    sql.type(z.object({ leads: z.boolean() }))`
      SELECT pg_try_advisory_lock(${LEADERSHIP_LOCK}, hashtext(${schema})) AS leads`,
  );
}

/** A connection that broke has nothing left to release. */
export async function releaseLead(connection: CommonQueryMethods): Promise<void> {
  await connection.query(sql.unsafe`SELECT pg_advisory_unlock_all()`).catch(() => undefined);
}
