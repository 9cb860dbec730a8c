import type { SessionEvent } from '../../client/model.ts';
import { isOver } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import type { Output } from '../output.ts';
import { lookUpSession } from '../session-lookup.ts';
import { wordMoment } from '../wording.ts';
import type { LogsOptions } from './session-logs.ts';
import { toneOf } from './session-view.ts';

const REVISION_WIDTH = 4;

/** JSON: one event a line. Without following, up to the revision that the session has now. */
export async function printEvents(
  context: CommandContext,
  reference: string,
  { follow }: LogsOptions,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const session = await lookUpSession(client, reference, signal);
  const isEndless = follow === true || isOver(session);
  for await (const event of client.sessionEvents({ id: session.id }, signal)) {
    await output.element(event, () => line(event, output));
    if (!isEndless && event.revision >= session.revision) return;
  }
}

function line({ revision, recordedAt, type, status, kernelStatus }: SessionEvent, output: Output) {
  const reached =
    status === null ? (kernelStatus ?? '').toLowerCase() : output.paint(status, toneOf(status));
  const place = String(revision).padStart(REVISION_WIDTH);
  return `${wordMoment(recordedAt)} ${place}  ${type.padEnd(22)}${reached}`.trimEnd();
}
