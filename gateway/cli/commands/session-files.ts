import type { CommandContext, GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';

export interface RemoveFileOptions extends GlobalOptions {
  readonly recursive?: boolean;
}

export async function listFiles(
  context: CommandContext,
  reference: string,
  path: string,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, reference, signal);
  const list = await client.files.list({ sessionId, path }, signal);
  const rows = list.entries.map(({ mode, sizeBytes, modifiedAt, name, target }) => [
    mode,
    String(sizeBytes),
    modifiedAt,
    target === null ? shown(name) : `${shown(name)} -> ${shown(target)}`,
  ]);
  await output.result(list, () => rows.map((cells) => cells.join('  ')));
  if (list.isCut && !output.isJson) await output.note('There are more, which are not listed.');
}

export async function removeFiles(
  context: CommandContext,
  request: {
    readonly reference: string;
    readonly paths: readonly string[];
    readonly options: RemoveFileOptions;
  },
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, request.reference, signal);
  const isRecursive = request.options.recursive === true;
  for (const path of request.paths) {
    await client.files.remove({ sessionId, path, isRecursive }, signal);
    if (output.isJson) await output.element({ removed: path }, () => '');
  }
}

export async function renameFile(
  context: CommandContext,
  reference: string,
  paths: readonly string[],
): Promise<undefined> {
  const [from, to] = paths;
  if (from === undefined || to === undefined || paths.length > 2)
    throw new UsageWrong('name the file and its new path');
  const { output, signal } = context;
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, reference, signal);
  await client.files.rename({ sessionId, from, to }, signal);
  if (output.isJson) await output.element({ renamed: from, to }, () => '');
}

/** A name may hold what would move the cursor. */
function shown(name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be printed.
  return /[\u0000-\u001f\u007f]/.test(name) ? JSON.stringify(name) : name;
}
