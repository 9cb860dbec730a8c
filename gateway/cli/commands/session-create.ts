import type { OrreryClient } from '../../client/client.ts';
import { isOver, type Session } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { OutcomeUnwanted } from '../errors.ts';
import { type RequestOptions, requestOf } from './session-request.ts';
import { wordReason } from './session-view.ts';

export interface CreateOptions extends RequestOptions {
  readonly wait?: boolean;
}

/** Prints the new session's id. JSON: the session. */
export async function createSession(
  context: CommandContext,
  command: readonly string[],
  options: CreateOptions,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const created = await client.createSession(requestOf(command, options), signal);
  let { session } = created;
  if (!output.isJson) {
    const how = created.isCreated ? 'created' : 'was created before by the same key';
    await output.note(`Session ${session.name} ${how}: ${session.status}.`);
  }
  if (options.wait === true) session = await waitUntilRunning(client, session, context);
  await output.result(session, () => [session.id]);
}

/** @throws {OutcomeUnwanted} when it was over before it ran. */
async function waitUntilRunning(
  client: OrreryClient,
  created: Session,
  { output, signal }: CommandContext,
): Promise<Session> {
  let hasRun = false;
  for await (const { status } of client.sessionEvents({ id: created.id }, signal)) {
    hasRun ||= status === 'RUNNING';
    if (hasRun) break;
  }
  const session = (await client.findSession(created.id, signal)) ?? created;
  const { statusInfo } = session;
  if (!hasRun && isOver(session) && statusInfo !== 'task-finished') {
    throw new OutcomeUnwanted(
      statusInfo ?? 'session-over',
      `session ${session.name} is ${session.status}: ${wordReason(session) ?? 'it ended before it ran'}`,
    );
  }
  if (!output.isJson) await output.note(`Session ${session.name}: ${session.status}.`);
  return session;
}
