import { z } from 'zod';

/** From an agent that is about to get an image. Asked on the live channel, where nothing is kept. */
export const RegistryQuestion = z.object({ host: z.string() });

/** What the gateway says of the registry; empty: nobody has told it of one. */
export const RegistryAnswer = z.object({
  url: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
});
export type RegistryAnswer = Readonly<z.infer<typeof RegistryAnswer>>;

/** Subjects of the live channel. */
export const registryLive = {
  of: (node: string) => `live.registry.${node}`,
  all: 'live.registry.*',
};
