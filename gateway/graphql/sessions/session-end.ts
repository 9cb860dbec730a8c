import { type RecordedCommit, sessionStatusOf } from '@orrery/bus';

const LAST_STATUSES: readonly unknown[] = ['TERMINATED', 'CANCELLED', 'ERROR'];

/** Whether the session is over with this commit. */
export function endsSession({ events }: Pick<RecordedCommit, 'events'>): boolean {
  return events.some(({ type }) => LAST_STATUSES.includes(statusOf(sessionStatusOf, type)));
}

/** Undefined for a type that changes none, or of a newer writer, which has no status that we know. */
export function statusOf(
  statuses: Readonly<Record<string, string | undefined>>,
  type: string,
): string | undefined {
  return Object.hasOwn(statuses, type) ? statuses[type] : undefined;
}
