import type { Image } from '../../client/model.ts';
import type { CommandContext } from '../context.ts';
import { collect } from '../paging.ts';
import { type Column, tableLines } from '../table.ts';
import { wordBytes } from '../wording.ts';

const IMAGES_MAX = 10_000;

const columns: readonly Column<Image>[] = [
  { title: 'REFERENCE', cell: ({ reference }) => reference },
  { title: 'DEFAULT', cell: ({ isDefault }) => (isDefault ? 'yes' : '') },
  {
    title: 'SIZE',
    cell: ({ sizeBytes }) => (sizeBytes ? wordBytes(sizeBytes) : ''),
    side: 'right',
    rank: 1,
  },
  { title: 'ON AGENTS', cell: ({ agentIds }) => agentIds.join(', '), rank: 2 },
  { title: 'ARCHITECTURES', cell: ({ architectures }) => architectures.join(', '), rank: 3 },
];

/** JSON: an array of images. */
export async function listImages(context: CommandContext): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const { nodes } = await collect(IMAGES_MAX, (request) => client.images(request, signal));
  await output.result(nodes, () =>
    tableLines(nodes, columns, {
      width: output.width,
      overflow: io.stdout.isTTY === true ? 'cut' : 'keep',
    }),
  );
}

/** Prints the reference. JSON: the image. */
export async function addImage(context: CommandContext, reference: string): Promise<undefined> {
  const client = await context.client();
  const image = await client.registerImage(reference, context.signal);
  await context.output.result(image, () => [image.reference]);
}
