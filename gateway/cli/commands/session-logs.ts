import type { LogChunk } from '../../client/model.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import type { Output } from '../output.ts';
import { lookUpSession } from '../session-lookup.ts';

export interface LogsOptions extends GlobalOptions {
  readonly follow?: boolean;
}

export async function printLogs(
  context: CommandContext,
  reference: string,
  { follow }: LogsOptions,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const position = { id, offset: 0, follow: follow === true ? 'until-end' : 'until-now' } as const;
  for await (const chunk of client.sessionLogs(position, signal)) await printChunk(chunk, output);
}

/** What the program wrote on standard error goes there. JSON: one piece a line, its bytes in base64. */
export async function printChunk(chunk: LogChunk, output: Output): Promise<void> {
  if (!output.isJson) {
    await output.bytes(chunk.data, chunk.source === 'stderr' ? 'stderr' : 'stdout');
    return;
  }
  const { offset, source, data, isLast } = chunk;
  const text = Buffer.from(data).toString('base64');
  await output.element({ kind: 'output', offset, source, data: text, isLast }, () => '');
}
