import { GatewayUnreachable } from './errors.ts';
import type { LogChunk, Session, SessionChange, SessionEvent, SessionFilter } from './model.ts';
import { isOver } from './model.ts';
import type { ResumablePlan } from './resume.ts';
import type { KernelStatistics } from './statistics-model.ts';

export type FindSession = (id: string) => Promise<Session | undefined>;

/** A session's events by revision: no gap, no double; over when the session is and all were taken. */
export function eventsPlan(
  { id, fromRevision }: { readonly id: string; readonly fromRevision: number },
  findSession: FindSession,
): ResumablePlan<SessionEvent> {
  let next = fromRevision;
  return {
    operation: 'sessionEvents',
    variables: () => ({ id, fromRevision: next }),
    take(item) {
      // The gateway shapes its answers by the same schema that the documents are checked against.
      const event = item as SessionEvent;
      if (event.revision < next) return undefined;
      if (event.revision > next) {
        throw new GatewayUnreachable(`revision ${next} of the session's events did not arrive`);
      }
      next += 1;
      return event;
    },
    async isEnd() {
      const session = await findSession(id);
      return session === undefined || (isOver(session) && session.revision < next);
    },
  };
}

/** Changes of sessions by cursor. They never end by themselves. */
export function changesPlan({
  filter,
  after,
}: {
  readonly filter: SessionFilter | undefined;
  readonly after: string;
}): ResumablePlan<SessionChange> {
  let cursor = after;
  return {
    operation: 'sessionsChanged',
    variables: () => ({ filter, after: cursor }),
    take(item) {
      // As above: shaped by the schema.
      const change = item as SessionChange;
      if (change.cursor === cursor) return undefined;
      cursor = change.cursor;
      return change;
    },
    isEnd: async () => false,
  };
}

interface WireChunk extends Omit<LogChunk, 'data'> {
  /** Base64. */
  readonly data: string;
}

/** A log by byte offset: what was taken already is cut from the front of what comes again. */
export function logsPlan(
  { id, offset, follow }: LogsPosition,
  findSession: FindSession,
): ResumablePlan<LogChunk> {
  let taken = offset;
  let hasLast = false;
  return {
    operation: 'sessionLogs',
    variables: () => ({ id, offset: taken, follow: follow === 'until-end' }),
    take(item) {
      // As above: shaped by the schema.
      const chunk = item as WireChunk;
      const data = Buffer.from(chunk.data, 'base64');
      hasLast ||= chunk.isLast;
      const doubledBytes = Math.max(0, taken - (chunk.offset - data.length));
      if (chunk.offset <= taken && !chunk.isLast) return undefined;
      taken = Math.max(taken, chunk.offset);
      return { ...chunk, data: data.subarray(doubledBytes) };
    },
    async isEnd() {
      if (hasLast || follow === 'until-now') return true;
      // Whatever completed without its last chunk was cut off, also when the session is over by now.
      return (await findSession(id)) === undefined;
    },
  };
}

export interface LogsPosition {
  readonly id: string;
  /** Bytes seen already. */
  readonly offset: number;
  readonly follow: 'until-end' | 'until-now';
}

/** Measurements as they come; one that was missed is of no use any more. */
export function statisticsPlan(
  id: string,
  findSession: FindSession,
): ResumablePlan<KernelStatistics> {
  return {
    operation: 'sessionStatistics',
    variables: () => ({ id }),
    // As above: shaped by the schema.
    take: (item) => item as KernelStatistics,
    async isEnd() {
      const session = await findSession(id);
      return session === undefined || isOver(session);
    },
  };
}
