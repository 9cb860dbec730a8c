import type { AppCall, SessionApp } from '../../client/apps.ts';
import type { OrreryClient } from '../../client/client.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { lookUpSession } from '../session-lookup.ts';
import { type Column, tableLines } from '../table.ts';

export interface AppStartOptions extends GlobalOptions {
  readonly arg?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly path?: string;
}

export interface AppReference {
  readonly reference: string;
  readonly name: string;
  readonly options: AppStartOptions;
}

const columns: readonly Column<SessionApp>[] = [
  { title: 'APP', cell: ({ name }) => name },
  { title: 'PROTOCOL', cell: ({ protocol }) => protocol.toLowerCase() },
  { title: 'PORTS', cell: ({ ports }) => ports.join(' ') },
  { title: 'STATE', cell: ({ state }) => state.toLowerCase() },
  { title: 'ANSWERS', cell: ({ isAnswering }) => (isAnswering ? 'yes' : 'no') },
  { title: 'FROM', cell: ({ source }) => source.toLowerCase(), rank: 1 },
];

/** JSON: the apps, and the faults of what the image says of them. */
export async function listApps(context: CommandContext, reference: string): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const listed = await client.apps.list(id, signal);
  await output.result(listed, () =>
    tableLines(listed.apps, columns, { width: output.width, overflow: 'keep' }),
  );
  if (!output.isJson) for (const fault of listed.faults) await output.note(`Image: ${fault}`);
}

/** JSON: the app, and whether this started it. */
export async function startApp(context: CommandContext, asked: AppReference): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const change = await client.apps.start(await callOf(client, asked, signal), signal);
  await output.result(change, () => [wordChange(change.app, change.hasChanged)]);
}

/** JSON: the app, and whether this ended it. */
export async function stopApp(
  context: CommandContext,
  reference: string,
  name: string,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, reference, signal);
  const change = await client.apps.stop({ sessionId, app: name }, signal);
  await output.result(change, () => [
    change.hasChanged ? `${name} has ended.` : `${name} does not run.`,
  ]);
}

/** JSON: the address, and until when it is good. */
export async function openApp(context: CommandContext, asked: AppReference): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const call = await callOf(client, asked, signal);
  const ticket = await client.apps.open({ ...call, path: asked.options.path }, signal);
  await output.result(ticket, () => [ticket.url]);
}

async function callOf(
  client: OrreryClient,
  { reference, name, options }: AppReference,
  signal: AbortSignal,
): Promise<AppCall> {
  const { id: sessionId } = await lookUpSession(client, reference, signal);
  return { sessionId, app: name, arguments: options.arg, environ: options.env };
}

function wordChange({ name, ports, isAnswering }: SessionApp, hasChanged: boolean): string {
  const [port] = ports;
  if (!isAnswering) return `There is nothing to start for ${name}; nothing listens at ${port} yet.`;
  return hasChanged ? `${name} answers at the port ${port}.` : `${name} runs already.`;
}
