import type { CommandContext } from '../context.ts';
import { cardLines } from '../table.ts';
import { wordAgo, wordAmount, wordCounts } from '../wording.ts';

/** JSON: the status as the gateway gives it. */
export async function showStatus(context: CommandContext): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const status = await client.status(signal);
  const { availableSlots, occupiedSlots, logSequence, projectedSequence } = status;
  const behind = logSequence - projectedSequence;
  await output.result(status, () =>
    cardLines([
      ['Gateway', `${client.endpoint}, version ${status.version}`],
      ['Started', wordAgo(status.startedAt, io.clock.nowMs())],
      ['Sessions', wordCounts(status.sessionsByStatus)],
      ['Agents', wordCounts(status.agentsByStatus)],
      ...Object.entries(availableSlots).map(([name, total]) => {
        const used = wordAmount(name, occupiedSlots[name] ?? '0');
        return [`Slots ${name}`, `${used} of ${wordAmount(name, total)} in use`] as const;
      }),
      ['Log', `${logSequence} commits`],
      ['Projections', behind <= 0 ? 'hold all of them' : `${behind} commits behind`],
    ]),
  );
}
