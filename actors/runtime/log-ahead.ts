import { OrreryError, type RecordedCommit } from '@orrery/bus';
import type { AnyAggregate } from './aggregate.ts';

/** A newer version wrote what this one cannot fold: to go on without would be to decide on what is not so. */
export class LogAhead extends OrreryError {
  override readonly name = 'LogAhead';
  readonly code = 'control.log-ahead';
  /** By a host that knows more, or by this one when it is upgraded. */
  readonly isRetryable = true;
}

/** @throws {LogAhead} when the commit is of a newer schema, or holds an event that nobody here knows. */
export function requireKnown(aggregate: AnyAggregate, recorded: RecordedCommit): void {
  const { schemaVersion, aggregateId, sequence, events } = recorded;
  const place = `${aggregate.name} ${aggregateId} #${sequence}`;
  if (schemaVersion > aggregate.schemaVersion)
    throw new LogAhead(
      `${place} is written in schema ${schemaVersion}, this host knows ${aggregate.schemaVersion}`,
    );
  const stranger = events.find(({ type }) => aggregate.knows?.(type) === false);
  if (stranger !== undefined)
    throw new LogAhead(`${place} holds ${stranger.type}, which this host does not know`);
}
