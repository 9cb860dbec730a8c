import { closeSync, openSync } from 'node:fs';
import { z } from 'zod';

/** What a keeper must know to reach the kernels of its node as its agent does. */
export const KeeperPlace = z.object({
  node: z.string(),
  installation: z.string(),
  /** Where the node keeps its things. */
  directory: z.string(),
  /** `uid:gid`, as the driver takes it. */
  user: z.string().optional(),
  settings: z.object({
    driver: z.enum(['docker', 'process', 'simulated']),
    dockerSocket: z.string().optional(),
  }),
});
export type KeeperPlace = Readonly<z.infer<typeof KeeperPlace>>;

/** The way to a keeper's socket. A socket's path may have 107 bytes, which a directory alone may have. */
export interface ShortPath extends Disposable {
  readonly socket: string;
}

export function openPlace(directory: string): ShortPath {
  const file = openSync(directory, 'r');
  return {
    socket: `/proc/self/fd/${file}/keeper.sock`,
    [Symbol.dispose]: () => closeSync(file),
  };
}
