import { createHash } from 'node:crypto';
import { type DatabasePool, type FragmentSqlToken, sql } from 'slonik';
import { z } from 'zod';
import { MigrationMismatch } from './errors.ts';

/** One step from one shape of the tables to the next. Never changed once it was released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** Names without a schema: they stand in the one that is migrated. */
  readonly statements: readonly FragmentSqlToken[];
}

/** Any number that nobody else locks: all projectors of a database take turns. */
const MIGRATION_LOCK = 7_305_001;

/**
 * Brings the tables of a schema to the newest shape, in one transaction. Doing it again does nothing.
 * @throws {MigrationMismatch} when the schema was made by other or by newer migrations.
 */
export async function migrate(
  pool: DatabasePool,
  schema: string,
  migrations: readonly Migration[],
): Promise<void> {
  const place = sql.identifier([schema]);
  await pool.transaction(async (connection) => {
    await connection.query(sql.unsafe`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    await connection.query(sql.unsafe`CREATE SCHEMA IF NOT EXISTS ${place}`);
    await connection.query(sql.unsafe`SET LOCAL search_path TO ${place}`);
    await connection.query(sql.unsafe`
      CREATE TABLE IF NOT EXISTS migrations (
        version integer PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
      )`);
    const applied = await connection.any(
      sql.type(Applied)`SELECT version, name, checksum FROM migrations ORDER BY version`,
    );
    for (const migration of unapplied(migrations, applied, schema)) {
      for (const statement of migration.statements) {
        await connection.query(sql.unsafe`${statement}`);
      }
      const { version, name } = migration;
      await connection.query(sql.unsafe`
        INSERT INTO migrations (version, name, checksum)
        VALUES (${version}, ${name}, ${checksumOf(migration)})`);
    }
  });
}

const Applied = z.object({ version: z.int(), name: z.string(), checksum: z.string() });

function unapplied(
  migrations: readonly Migration[],
  applied: readonly z.infer<typeof Applied>[],
  schema: string,
): readonly Migration[] {
  for (const [index, { version, name, checksum }] of applied.entries()) {
    const migration = migrations[index];
    const isSame =
      migration !== undefined &&
      migration.version === version &&
      checksumOf(migration) === checksum;
    if (isSame) continue;
    throw new MigrationMismatch(
      `migration ${version} (${name}) of the schema ${schema} is not the one of this version of the program`,
    );
  }
  return migrations.slice(applied.length);
}

/** SHA-256 (hex) of what the migration says, however it is indented. */
function checksumOf({ statements }: Migration): string {
  const text = statements.map((statement) => statement.sql.replaceAll(/\s+/g, ' ').trim());
  return createHash('sha256').update(text.join(';\n')).digest('hex');
}
