import { SESSION_STATUSES, type Session, type SessionStatus } from '../../client/model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';
import { collect } from '../paging.ts';
import { type Column, tableLines } from '../table.ts';
import { wordDuration } from '../wording.ts';
import { toneOf } from './session-view.ts';

export interface ListOptions extends GlobalOptions {
  readonly all?: boolean;
  readonly status?: readonly string[];
  readonly name?: string;
  readonly limit: number;
}

/** JSON: an array of sessions. */
export async function listSessions(
  context: CommandContext,
  options: ListOptions,
): Promise<undefined> {
  const { io, output, signal } = context;
  const statuses = options.status?.map(parseStatus);
  const filter = {
    ...(options.name === undefined ? {} : { nameContains: options.name }),
    ...(statuses === undefined ? {} : { statuses }),
    ...(options.all === true || statuses !== undefined ? {} : { isLive: true }),
  };
  const client = await context.client();
  const found = await collect(options.limit, (request) =>
    client.sessions(
      { ...request, filter, order: { field: 'CREATED_AT', direction: 'DESC' } },
      signal,
    ),
  );
  await output.result(found.nodes, () =>
    tableLines(found.nodes, columns(context, io.clock.nowMs()), {
      width: output.width,
      overflow: io.stdout.isTTY === true ? 'cut' : 'keep',
    }),
  );
  if (found.nodes.length === 0 && !output.isJson) {
    await output.note(options.all === true ? 'There are no sessions.' : 'No session is live.');
  }
  if (found.next !== undefined) {
    await output.note(`Shown: ${found.nodes.length} of ${found.totalCount}; see --limit.`);
  }
}

function parseStatus(text: string): SessionStatus {
  const status = SESSION_STATUSES.find((known) => known === text);
  if (status !== undefined) return status;
  throw new UsageWrong(
    `${text} is no status of a session; they are ${SESSION_STATUSES.join(', ')}`,
  );
}

function columns({ output }: CommandContext, nowMs: number): readonly Column<Session>[] {
  return [
    { title: 'NAME', cell: ({ name }) => name },
    {
      title: 'STATUS',
      cell: ({ status }) => status,
      paint: (text, { status }) => output.paint(text, toneOf(status)),
    },
    {
      title: 'AGE',
      cell: ({ createdAt }) => wordDuration(nowMs - Date.parse(createdAt)),
      side: 'right',
    },
    {
      title: 'EXIT',
      cell: ({ exitCode }) => (exitCode === null ? '' : String(exitCode)),
      side: 'right',
      rank: 2,
    },
    { title: 'TYPE', cell: ({ type }) => type.toLowerCase(), rank: 3 },
    { title: 'ID', cell: ({ id }) => id, rank: 1 },
    { title: 'IMAGE', cell: ({ image }) => image, rank: 5 },
    { title: 'AGENT', cell: ({ kernels }) => kernels[0]?.agentId ?? '', rank: 4 },
  ];
}
