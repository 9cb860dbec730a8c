import type { SetAsideCommand } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { type Column, tableLines } from '../table.ts';
import { wordAgo } from '../wording.ts';

/** JSON: an array of commands. */
export async function listSetAside(context: CommandContext): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const commands = await client.setAsideCommands(signal);
  const columns: readonly Column<SetAsideCommand>[] = [
    { title: 'ID', cell: ({ id }) => id },
    { title: 'COMMAND', cell: ({ commandType }) => commandType },
    { title: 'ENTITY', cell: ({ entity, entityId }) => `${entity}:${entityId}` },
    { title: 'SINCE', cell: ({ setAsideAt }) => wordAgo(setAsideAt, io.clock.nowMs()) },
    { title: 'TRIES', cell: ({ tries }) => String(tries), side: 'right', rank: 2 },
    { title: 'SENT BY', cell: ({ actor }) => actor, rank: 1 },
    { title: 'ERROR', cell: ({ error }) => error },
  ];
  await output.result(commands, () =>
    tableLines(commands, columns, {
      width: output.width,
      overflow: io.stdout.isTTY === true ? 'cut' : 'keep',
    }),
  );
}

/** Prints what was sent again. JSON: the command. */
export async function replaySetAside(context: CommandContext, id: string): Promise<undefined> {
  const client = await context.client();
  const command = await client.replaySetAsideCommand(id, context.signal);
  const { commandType, entity, entityId } = command;
  await context.output.result(command, () => [`${commandType} ${entity}:${entityId}`]);
}
