import type {
  DirectoryChange,
  DirectoryChanged,
  DirectoryEntry,
  DirectoryFind,
  DirectoryList,
} from '../../client/directory.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';
import { collect } from '../paging.ts';
import { cardLines, tableLines } from '../table.ts';
import { readPassword } from './login.ts';

const ENTRIES_MAX = 100_000;

/** JSON: an array of entries with all their fields. */
export async function listEntries(
  context: CommandContext,
  listed: {
    readonly operation: DirectoryList;
    readonly filter?: Readonly<Record<string, unknown>>;
    /** Those shown in the table. */
    readonly fields: readonly string[];
  },
): Promise<undefined> {
  const { output, signal } = context;
  const { directory } = await context.client();
  const { operation, filter, fields } = listed;
  const { nodes } = await collect(ENTRIES_MAX, (request) =>
    directory.list(operation, { ...filter, ...request }, signal),
  );
  const columns = fields.map((field) => ({
    title: field.replaceAll(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase(),
    cell: (entry: DirectoryEntry) => word(entry[field]),
  }));
  await output.result(nodes, () =>
    tableLines(nodes, columns, { width: output.width, overflow: 'keep' }),
  );
}

/** JSON: the entry. */
export async function showEntry(
  context: CommandContext,
  shown: {
    readonly operation: DirectoryFind;
    readonly variables: Readonly<Record<string, unknown>>;
  },
): Promise<undefined> {
  const { directory } = await context.client();
  const entry = await directory.find(shown.operation, shown.variables, context.signal);
  if (entry === undefined) throw new UsageWrong(`there is no such ${shown.operation}`);
  await context.output.result(entry, () => entryLines(entry));
}

/** JSON: the entry as it is now, with its new key pair's secret when there is one. */
export async function changeEntry(
  context: CommandContext,
  changed: {
    readonly operation: DirectoryChange;
    readonly variables: Readonly<Record<string, unknown>>;
  },
): Promise<undefined> {
  const { directory } = await context.client();
  const result = await directory.change(changed.operation, changed.variables, context.signal);
  await printChanged(context, result);
}

async function printChanged({ output }: CommandContext, result: DirectoryChanged): Promise<void> {
  const { entry, keypair, secretKey } = result;
  const secret = secretKey === undefined ? {} : { secretKey };
  const document = { ...entry, ...(keypair === undefined ? {} : { keypair }), ...secret };
  const name = word(entry['accessKey'] ?? entry['email'] ?? entry['id'] ?? entry['name']);
  await output.result(document, () => [
    name,
    ...(keypair === undefined ? [] : [`Access key  ${word(keypair['accessKey'])}`]),
    ...(secretKey === undefined ? [] : [`Secret key  ${secretKey}`, 'It is shown this once.']),
  ]);
}

export interface UserOptions extends GlobalOptions {
  readonly set?: Readonly<Record<string, string>>;
  readonly passwordStdin?: boolean;
}

/** The password comes from a terminal or standard input, never from the command line. */
export async function addUser(
  context: CommandContext,
  email: string,
  options: UserOptions,
): Promise<undefined> {
  const password = await readPassword(context, options);
  const input = { ...inputOf(options.set), email, password };
  await changeEntry(context, { operation: 'createUser', variables: { input } });
}

export async function setUser(
  context: CommandContext,
  user: string,
  options: UserOptions,
): Promise<undefined> {
  const password =
    options.passwordStdin === true ? { password: await readPassword(context, options) } : {};
  const id = await userIdOf(context, user);
  const input = { ...inputOf(options.set), ...password };
  await changeEntry(context, { operation: 'modifyUser', variables: { id, input } });
}

/** A user is named by id or by e-mail address. @throws {UsageWrong} */
export async function userIdOf(context: CommandContext, user: string): Promise<string> {
  if (!user.includes('@')) return user;
  const { directory } = await context.client();
  const entry = await directory.find('user', { email: user }, context.signal);
  if (entry !== undefined) return word(entry['id']);
  throw new UsageWrong(`there is no user ${JSON.stringify(user)}, or none that you may see`);
}

/** Fields as people write them: JSON where it is a number, a truth value, a list or an object. */
export function inputOf(
  set: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, unknown>> {
  const fields = Object.entries(set ?? {}).map(([field, text]) => [
    field,
    parsedValue(field, text),
  ]);
  return Object.fromEntries(fields);
}

function parsedValue(field: string, text: string): unknown {
  if (!/^(true|false|-?\d+(\.\d+)?|[[{"].*)$/s.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageWrong(`the value of ${field} is not JSON`, { cause });
  }
}

function entryLines(entry: DirectoryEntry): readonly string[] {
  return cardLines(
    Object.entries(entry)
      .filter(([, value]) => value !== null && value !== '')
      .map(([field, value]) => [field, word(value)] as const),
  );
}

function word(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
