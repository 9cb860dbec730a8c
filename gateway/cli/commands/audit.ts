import type { AuditEntry } from '../../client/audit-model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { NothingFound } from '../errors.ts';
import { collect } from '../paging.ts';
import { lookUpSession } from '../session-lookup.ts';
import { type Column, tableLines } from '../table.ts';
import { instantOf, wordInstant } from '../wording.ts';
import { sessionLines } from './session-view.ts';

export interface AuditOptions extends GlobalOptions {
  readonly limit: number;
  readonly after?: string;
}

const ENTITY_ID_CHARACTERS_MAX = 8;

/** JSON: one entry a line. */
export async function showAudit(
  context: CommandContext,
  entity: string | undefined,
  options: AuditOptions,
): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const subject = entity === undefined ? undefined : await entityOf(context, entity);
  const found = await collect(
    options.limit,
    (request) => client.auditLog({ ...request, entity: subject }, signal),
    options.after,
  );
  if (output.isJson) {
    for (const entry of found.nodes) await output.element(entry, () => '');
  } else {
    const width = output.width;
    const overflow = io.stdout.isTTY === true ? 'cut' : 'keep';
    await output.result(found.nodes, () =>
      tableLines(found.nodes, columns(subject), { width, overflow }),
    );
  }
  if (found.next !== undefined) {
    await output.note(`There is more; go on with --after ${found.next}`);
  }
}

/** `node:local` stays as it is; anything else is the id or name of a session. */
export async function entityOf(context: CommandContext, entity: string): Promise<string> {
  const [, kind, rest = ''] = /^([a-z]+):(.+)$/.exec(entity) ?? [];
  if (kind !== undefined && kind !== 'session') return entity;
  const client = await context.client();
  const session = await lookUpSession(client, kind === undefined ? entity : rest, context.signal);
  return `session:${session.id}`;
}

/** The log of one entity has no need to name it again. */
function columns(subject: string | undefined): readonly Column<AuditEntry>[] {
  const entity: Column<AuditEntry> = { title: 'ENTITY', cell: wordEntity };
  return [
    { title: 'TIME', cell: ({ recordedAt }) => wordInstant(recordedAt) },
    ...(subject === undefined ? [entity] : []),
    {
      title: 'REVISION',
      cell: ({ firstRevision }) => String(firstRevision),
      side: 'right',
      rank: 4,
    },
    { title: 'COMMAND', cell: ({ commandType }) => commandType, rank: 2 },
    { title: 'ACTOR', cell: ({ actor }) => actor, rank: 3 },
    { title: 'EVENTS', cell: ({ events }) => wordEvents(events), rank: 1 },
  ];
}

/** An id is cut to its first eight characters: `--json` has it whole. */
function wordEntity({ entity, entityId }: AuditEntry): string {
  const isLong = entityId.length > ENTITY_ID_CHARACTERS_MAX;
  return `${entity}:${isLong ? `${entityId.slice(0, ENTITY_ID_CHARACTERS_MAX)}…` : entityId}`;
}

/** The first event and how many more. */
function wordEvents(events: readonly unknown[]): string {
  const [first, ...rest] = events.map(eventType);
  return `${first ?? ''}${rest.length === 0 ? '' : ` +${rest.length}`}`;
}

function eventType(event: unknown): string {
  const isTyped = typeof event === 'object' && event !== null && 'type' in event;
  return isTyped ? `${String(event.type)}${useOf(event)}` : '?';
}

/** What somebody did inside a session. */
function useOf(event: object): string {
  const use = 'use' in event ? event.use : undefined;
  return typeof use === 'object' && use !== null && 'kind' in use ? ` (${String(use.kind)})` : '';
}

/** JSON: the session as it was. */
export async function showSessionAt(
  context: CommandContext,
  reference: string,
  timeText: string,
): Promise<undefined> {
  const { io, output, signal } = context;
  const time = instantOf(timeText, io.clock.nowMs());
  const client = await context.client();
  const { id, name } = await lookUpSession(client, reference, signal);
  const session = await client.sessionAt(id, time, signal);
  if (session === undefined) {
    throw new NothingFound('session-not-yet', `session ${name} did not exist yet at ${time}`);
  }
  await output.result(session, () => sessionLines(session, Date.parse(time)));
}
