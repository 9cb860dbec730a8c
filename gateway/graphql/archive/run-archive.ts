import { ARCHIVE_ID, type ArchiveCommand, type Rejection } from '@orrery/bus';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import type { GatewayContext } from '../context.ts';
import { shapeRun } from './archive.ts';

/** Asks for a run and does not wait for its end. */
export async function runArchive(
  _root: unknown,
  _unparsed: unknown,
  { gateway, caller, traceparent }: GatewayContext,
): Promise<object> {
  const { userId } = authoriseSignedIn(caller, 'Mutation.runArchive');
  const { index, store } = gateway.bus.log;
  if (store === undefined) return { rejection: NOT_CONFIGURED };
  const command: ArchiveCommand = { type: 'request-run' };
  const actor = { kind: 'user', id: userId } as const;
  const { outcome } = await gateway.commands.request({
    aggregate: 'archive',
    aggregateId: ARCHIVE_ID,
    actor,
    traceparent,
    command,
  });
  if (!outcome.ok) return { rejection: outcome.error };
  await index.refresh();
  return { run: index.run === undefined ? null : shapeRun(index.run) };
}

const NOT_CONFIGURED: Rejection = {
  code: 'archive-not-configured',
  message: 'no archive is configured: the settings have no section [archive]',
};
