import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { OrreryClient } from '../../client/client.ts';
import type { SshKey } from '../../client/ssh.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { NameAmbiguous, NothingFound, UsageWrong } from '../errors.ts';
import { type Column, tableLines } from '../table.ts';
import { wordInstant } from '../wording.ts';

const columns: readonly Column<SshKey>[] = [
  { title: 'LABEL', cell: ({ label }) => label },
  { title: 'KIND', cell: ({ algorithm }) => algorithm, rank: 1 },
  { title: 'FINGERPRINT', cell: ({ fingerprint }) => fingerprint },
  { title: 'ADDED', cell: ({ addedAt }) => wordInstant(addedAt), rank: 2 },
];

export interface AddKeyOptions extends GlobalOptions {
  readonly label?: string;
}

/** Prints the fingerprint. JSON: the key. */
export async function addSshKey(
  context: CommandContext,
  file: string,
  { label }: AddKeyOptions,
): Promise<undefined> {
  const publicKey = await contentOf(context, file);
  const { ssh } = await context.client();
  const key = await ssh.addKey({ publicKey, label }, context.signal);
  await context.output.result(key, () => [key.fingerprint]);
}

export interface ListKeysOptions extends GlobalOptions {
  readonly user?: string;
}

/** JSON: an array of keys. */
export async function listSshKeys(
  { client, output, signal }: CommandContext,
  { user }: ListKeysOptions,
): Promise<undefined> {
  const keys = await (await client()).ssh.keys(user, signal);
  const { width } = output;
  await output.result(keys, () => tableLines(keys, columns, { width, overflow: 'keep' }));
}

/** Prints the fingerprint. JSON: the key. */
export async function labelSshKey(
  { client, output, signal }: CommandContext,
  reference: string,
  label: string,
): Promise<undefined> {
  const known = await client();
  const { fingerprint } = await find(known, { reference, userId: undefined }, signal);
  const key = await known.ssh.labelKey({ fingerprint, label }, signal);
  await output.result(key, () => [key.fingerprint]);
}

/** Prints the fingerprint. JSON: the key as it was. */
export async function removeSshKey(
  { client, output, signal }: CommandContext,
  reference: string,
  { user: userId }: ListKeysOptions,
): Promise<undefined> {
  const known = await client();
  const { fingerprint } = await find(known, { reference, userId }, signal);
  const key = await known.ssh.removeKey({ fingerprint, userId }, signal);
  await output.result(key, () => [key.fingerprint]);
}

/** By fingerprint or label. @throws {NothingFound} | {NameAmbiguous} */
async function find(
  client: OrreryClient,
  { reference, userId }: { readonly reference: string; readonly userId: string | undefined },
  signal: AbortSignal,
): Promise<SshKey> {
  const keys = await client.ssh.keys(userId, signal);
  const exact = keys.find(({ fingerprint }) => fingerprint === reference);
  const [first, second] = exact ? [exact] : keys.filter(({ label }) => label === reference);
  if (second !== undefined)
    throw new NameAmbiguous(`several keys are labelled ${reference}; name one by its fingerprint`);
  if (first !== undefined) return first;
  throw new NothingFound(
    'ssh-key-unknown',
    `there is no SSH key with the fingerprint or label ${JSON.stringify(reference)}`,
  );
}

async function contentOf({ io }: CommandContext, file: string): Promise<string> {
  if (file === '-') return text(io.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageWrong(`the file ${file} cannot be read`, { cause });
  }
}
