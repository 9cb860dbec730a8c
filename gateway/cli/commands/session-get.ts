import type { CommandContext } from '../context.ts';
import { lookUpSession } from '../session-lookup.ts';
import { sessionLines } from './session-view.ts';

export async function getSession(context: CommandContext, reference: string): Promise<undefined> {
  const { io, output, signal } = context;
  const session = await lookUpSession(await context.client(), reference, signal);
  await output.result(session, () => sessionLines(session, io.clock.nowMs()));
}
