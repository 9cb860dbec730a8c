import type { OrreryClient } from '../../client/client.ts';
import { isOver, type Session } from '../../client/model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { exitCodeOf, sentenceOf } from '../failure.ts';
import { lookUpSession } from '../session-lookup.ts';

export interface RemoveOptions extends GlobalOptions {
  readonly force?: boolean;
  readonly wait: boolean;
}

/** Prints the id of each. JSON: one session a line. What fails is told, and the others go on. */
export async function removeSessions(
  context: CommandContext,
  references: readonly string[],
  options: RemoveOptions,
): Promise<number> {
  const { output, signal } = context;
  const client = await context.client();
  let exitCode = 0;
  const asked: Session[] = [];
  for (const reference of new Set(references)) {
    try {
      const session = await lookUpSession(client, reference, signal);
      asked.push(isOver(session) ? session : await terminate(client, session, context, options));
    } catch (error) {
      if (signal.aborted || references.length === 1) throw error;
      await output.note(sentenceOf(error));
      exitCode = exitCodeOf(error);
    }
  }
  for (const session of asked) {
    const last = options.wait ? await waitUntilOver(client, session, signal) : session;
    await output.element(last, () => last.id);
  }
  return exitCode;
}

async function terminate(
  client: OrreryClient,
  { id }: Session,
  { signal }: CommandContext,
  { force }: RemoveOptions,
): Promise<Session> {
  return client.terminateSession({ id, mode: force === true ? 'FORCE' : 'GRACEFUL' }, signal);
}

async function waitUntilOver(
  client: OrreryClient,
  session: Session,
  signal: AbortSignal,
): Promise<Session> {
  if (isOver(session)) return session;
  const request = { id: session.id, fromRevision: Math.max(1, session.revision) };
  for await (const _ of client.sessionEvents(request, signal));
  return (await client.findSession(session.id, signal)) ?? session;
}
