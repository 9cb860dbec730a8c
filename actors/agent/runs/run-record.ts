import { ConsoleItem, type ExecuteResult, RunStatus } from '@orrery/bus';
import { z } from 'zod';

const ItemRecord = z.object({ n: z.int(), item: ConsoleItem });
const StatusRecord = z.object({
  n: z.int(),
  status: RunStatus,
  exitCode: z.int().optional(),
  isPassword: z.boolean().optional(),
});

/** One thing that a run printed or came to, numbered from 1 without a gap. */
export const RunRecord = z.union([ItemRecord, StatusRecord]);
export type RunRecord = Readonly<z.infer<typeof RunRecord>>;
/** Without its number. */
export type RunFact =
  | { readonly item: ConsoleItem }
  | {
      readonly status: RunStatus;
      readonly exitCode?: number | undefined;
      readonly isPassword?: boolean | undefined;
    };

/** Characters of one stream in one answer. */
export const STREAM_CHARACTERS_MAX = 524_288;

export function isLast(fact: RunFact): boolean {
  return 'status' in fact && (fact.status === 'finished' || fact.status === 'exec-timeout');
}

/** What one answer tells, and whether there is a reason not to wait for more. */
export interface Gathered {
  readonly result: ExecuteResult;
  readonly isFull: boolean;
}

/** The answer of a call: records in order, up to one that tells a status or to the limit of a stream. */
export function gather(
  records: Iterable<RunRecord>,
  { runId, after }: { readonly runId: string; readonly after: number },
): Gathered {
  const items: ConsoleItem[] = [];
  const characters = new Map<string, number>();
  let next = after;
  for (const record of records) {
    if ('status' in record) {
      const { status, exitCode = null, isPassword, n } = record;
      const options = status === 'waiting-input' ? { is_password: isPassword ?? false } : null;
      return {
        result: { runId, status, exitCode, options, console: items, next: n },
        isFull: true,
      };
    }
    const [kind, content] = record.item;
    const length = typeof content === 'string' ? content.length : content.join('').length;
    const before = characters.get(kind) ?? 0;
    if (before > 0 && before + length > STREAM_CHARACTERS_MAX)
      return { result: continued(runId, items, next), isFull: true };
    characters.set(kind, before + length);
    addMerged(items, record.item);
    next = record.n;
  }
  return { result: continued(runId, items, next), isFull: false };
}

function continued(runId: string, console: readonly ConsoleItem[], next: number): ExecuteResult {
  return {
    runId,
    status: 'continued',
    exitCode: null,
    options: null,
    console: [...console],
    next,
  };
}

/** Adjacent blocks of one stream become one. */
function addMerged(items: ConsoleItem[], item: ConsoleItem): void {
  const last = items.at(-1);
  if (last === undefined || last[0] !== item[0]) {
    items.push(item);
  } else if (item[0] === 'stdout' || item[0] === 'stderr') {
    items[items.length - 1] = [item[0], `${String(last[1])}${item[1]}`];
  } else {
    items.push(item);
  }
}
