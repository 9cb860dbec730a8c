import type { ContainerRegistry } from '../../client/registries.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { type Column, tableLines } from '../table.ts';
import { readPassword } from './login.ts';

const columns: readonly Column<ContainerRegistry>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'URL', cell: ({ url }) => url },
  { title: 'PROJECT', cell: ({ project }) => project ?? '', rank: 1 },
  { title: 'USER', cell: ({ username }) => username ?? '', rank: 2 },
];

/** JSON: an array of registries. */
export async function listRegistries(context: CommandContext): Promise<undefined> {
  const { output, signal } = context;
  const { registries } = await context.client();
  const known = await registries.list(signal);
  await output.result(known, () =>
    tableLines(known, columns, { width: output.width, overflow: 'keep' }),
  );
}

export interface RegistryOptions extends GlobalOptions {
  readonly url?: string;
  readonly project?: string;
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** The password comes from standard input or a terminal. Prints the name. JSON: the registry. */
export async function changeRegistry(
  context: CommandContext,
  change: 'create' | 'modify',
  { name, url, project, username, ...options }: RegistryOptions & { readonly name: string },
): Promise<undefined> {
  const { registries } = await context.client();
  const isLogin = username !== undefined && username !== '';
  const needsPassword = options.passwordStdin === true || (change === 'create' && isLogin);
  const password = needsPassword ? await readPassword(context, options) : undefined;
  const input = { name, url, project, username, password };
  const registry = await registries.change(`${change}ContainerRegistry`, input, context.signal);
  await context.output.result(registry, () => [registry.name]);
}

/** Prints the name. JSON: the registry as it was. */
export async function removeRegistry(context: CommandContext, name: string): Promise<undefined> {
  const { registries } = await context.client();
  const registry = await registries.remove(name, context.signal);
  await context.output.result(registry, () => [registry.name]);
}
