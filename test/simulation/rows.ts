import { deepStrictEqual } from 'node:assert';
import type { RecordedCommit } from '@orrery/bus';
import { changedRows, foldBatch, neededIds, parseBatch } from '../../projections/batch.ts';
import { emptyFolded, type Folded, KINDS } from '../../projections/folded.ts';
import type {
  AllocationRow,
  KernelRow,
  NodeRow,
  QueueRow,
  SessionRow,
} from '../../projections/rows.ts';
import type { Random } from './random.ts';

const BATCH_COMMITS_MAX = 40;
const DEATH_CHANCE = 0.3;

/** Rows by table, and in it by key. */
type Tables = Map<string, Map<unknown, object>>;

/**
 * Whether the rows that a projector wrote, batch by batch and forgetting all it remembered now and then, are
 * those that a rebuild of the whole log gives. Names what differs.
 */
export function findUnequalRows(
  commits: readonly RecordedCommit[],
  random: Random,
): string | undefined {
  const live: Tables = new Map();
  let folded = emptyFolded();
  for (let from = 0; from < commits.length; ) {
    const to = from + random.between(1, BATCH_COMMITS_MAX);
    const write = take(live, folded, commits.slice(from, to));
    // One that dies before its rows are written meets the same commits again, and has only the tables.
    if (random.chance(DEATH_CHANCE)) {
      folded = emptyFolded();
      continue;
    }
    write();
    from = to;
  }
  const rebuilt: Tables = new Map();
  if (commits.length > 0) take(rebuilt, emptyFolded(), commits)();
  try {
    deepStrictEqual(live, rebuilt);
    return undefined;
  } catch (error) {
    return `a rebuild gives other rows: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Folds the commits into what is remembered or else loaded; writes the rows when it is called back. */
function take(tables: Tables, folded: Folded, commits: readonly RecordedCommit[]): () => void {
  const batch = parseBatch(commits);
  const afterSequence = (commits[0]?.sequence ?? 0) - 1;
  for (const kind of KINDS)
    for (const id of neededIds(batch, kind))
      if (!folded[kind].has(id)) load(tables, folded, { kind, id });
  foldBatch(folded, batch);
  return () => {
    for (const { table, rows } of changedRows(folded, batch, afterSequence)) {
      const written = tables.get(table.name) ?? new Map<unknown, object>();
      tables.set(table.name, written);
      const key = table.columns.find(({ name }) => name === table.key)?.property ?? '';
      for (const row of rows) written.set(Reflect.get(row, key), row);
    }
  };
}

/** The kinds of things that a simulated cluster has. */
function load(
  tables: Tables,
  folded: Folded,
  { kind, id }: { readonly kind: keyof Folded; readonly id: string },
): void {
  const ofSession = <Row extends { readonly sessionId: string }>(name: string): readonly Row[] =>
    rowsOf<Row>(tables, name).filter(({ sessionId }) => sessionId === id);
  if (kind === 'session') {
    const session = rowsOf<SessionRow>(tables, 'sessions').find((row) => row.id === id);
    const kernels = ofSession<KernelRow>('kernels').toSorted(
      (left, right) => left.localRank - right.localRank,
    );
    if (session !== undefined) folded.session.set(id, { session, kernels });
  } else if (kind === 'scheduling') {
    const [queue] = ofSession<QueueRow>('queue');
    folded.scheduling.set(id, { queue, allocations: ofSession<AllocationRow>('allocations') });
  } else if (kind === 'node') {
    const node = rowsOf<NodeRow>(tables, 'nodes').find((row) => row.id === id);
    if (node !== undefined) folded.node.set(id, node);
  } else throw new Error(`a simulated cluster has no ${kind}`);
}

function rowsOf<Row extends object>(tables: Tables, name: string): readonly Row[] {
  // A table has rows of one kind, which its name tells.
  const rows: Iterable<object> = tables.get(name)?.values() ?? [];
  return [...(rows as Iterable<Row>)];
}
