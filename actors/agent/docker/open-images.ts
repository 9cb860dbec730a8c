import type { Clock, Logger } from '@orrery/bus';
import type Docker from 'dockerode';
import type { RemovalPolicy } from './image-removal.ts';
import { ImageRoom } from './image-room.ts';
import { ImageStore, type PullPolicy } from './image-store.ts';
import { PulledImages } from './pulled-images.ts';
import type { Registries } from './registries.ts';

/** Where images come from, and when they go. */
export interface ImageOptions {
  readonly registries: Registries;
  readonly policy: PullPolicy;
  readonly removal: RemovalPolicy;
  /** File that remembers which images this agent pulled; undefined: none is remembered. */
  readonly pulledFile?: string | undefined;
}

/** The images of one engine, and the room that they have. */
export function openImages(
  { registries, policy, removal, pulledFile }: ImageOptions,
  engine: {
    readonly docker: Docker;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly architecture: string;
    /** Where the engine keeps its things; undefined: its disk cannot be seen. */
    readonly root: string | undefined;
  },
): { readonly images: ImageStore; readonly room: ImageRoom } {
  const { architecture, root, ...parts } = engine;
  const shared = { ...parts, pulled: new PulledImages(pulledFile) };
  const room = new ImageRoom({ ...shared, policy: removal, root });
  return { room, images: new ImageStore({ ...shared, architecture, registries, policy, room }) };
}
