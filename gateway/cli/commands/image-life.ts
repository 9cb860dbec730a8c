import type { CommandContext } from '../context.ts';

/** Prints what was found, and what cannot be used on standard error. JSON: an array of rescans. */
export async function rescanImages(
  context: CommandContext,
  registry: string | undefined,
): Promise<undefined> {
  const { registries } = await context.client();
  const rescans = await registries.rescan(registry, context.signal);
  await context.output.result(rescans, () =>
    rescans.flatMap(({ registry: name, images, skipped }) => [
      `${name}: ${images.length} images`,
      ...images.map((reference) => `  ${reference}`),
      ...skipped.map(({ reference, reason }) => `  ${reference} is passed over: ${reason}`),
    ]),
  );
}

/** JSON: the alias and its target. */
export async function aliasImage(
  context: CommandContext,
  alias: string,
  target: string,
): Promise<undefined> {
  const { registries } = await context.client();
  const aliased = await registries.alias(alias, target, context.signal);
  await context.output.result(aliased, () => [`${aliased.alias} is ${aliased.target}`]);
}

/** JSON: the alias and what it stood for. */
export async function dealiasImage(context: CommandContext, alias: string): Promise<undefined> {
  const { registries } = await context.client();
  const aliased = await registries.dealias(alias, context.signal);
  await context.output.result(aliased, () => [aliased.alias]);
}

/** Prints the reference. JSON: the image as it was. */
export async function forgetImage(context: CommandContext, reference: string): Promise<undefined> {
  const { registries } = await context.client();
  const image = await registries.forget(reference, context.signal);
  await context.output.result(image, () => [image.reference]);
}
