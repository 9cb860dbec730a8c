import { sql } from 'slonik';
import { z } from 'zod';
import { ClusterFold, type ClusterMoment } from '../cluster-fold.ts';
import { instantMs } from '../moment.ts';
import type { Visibility } from '../visibility.ts';
import { visible } from './sessions.ts';
import type { Source } from './source.ts';

/** Commits of one page. */
const COMMITS_MAX = 5_000;

const CommitRow = z.object({
  sequence: z.int(),
  aggregate: z.string(),
  aggregateId: z.string(),
  firstRevision: z.int(),
  recordedAtMs: z.int(),
  events: z.array(z.looseObject({ type: z.string() })),
});

/** Reads what was recorded up to a time, page by page. */
export async function clusterAt(
  source: Source,
  timeMs: number,
  visibility: Visibility,
): Promise<ClusterMoment> {
  const fold = new ClusterFold();
  for await (const page of commitsUntil(source, timeMs)) {
    for (const commit of page) fold.take(commit);
  }
  if (visibility.kind === 'all') return fold.moment();
  const own = await ownSessions(source, visibility);
  return fold.moment((session) => own.has(session));
}

async function* commitsUntil(
  source: Source,
  timeMs: number,
): AsyncGenerator<readonly z.infer<typeof CommitRow>[], void> {
  let after = 0;
  for (;;) {
    const page = await source.read((connection) =>
      connection.any(
        sql.type(CommitRow)`
          SELECT a.sequence, a.aggregate, a.aggregate_id AS "aggregateId",
            a.first_revision AS "firstRevision", a.recorded_at_ms AS "recordedAtMs", a.events
          FROM ${source.table('audit')} AS a
          WHERE a.sequence > ${after} AND a.recorded_at_ms <= ${instantMs(timeMs)}
            AND a.aggregate IN ('session', 'scheduler', 'node')
          ORDER BY a.sequence LIMIT ${COMMITS_MAX}`,
      ),
    );
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.sequence;
  }
}

async function ownSessions(source: Source, visibility: Visibility): Promise<ReadonlySet<string>> {
  const ids = await source.read((connection) =>
    connection.anyFirst(
      sql.type(z.object({ id: z.string() }))`
        SELECT s.id FROM ${source.table('sessions')} AS s WHERE ${visible(visibility)}`,
    ),
  );
  return new Set(ids);
}
