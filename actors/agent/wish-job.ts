import type { KernelWish } from '@orrery/bus';

export interface WishJob {
  readonly wish: KernelWish;
  /** Place in the node's inbox. */
  readonly sequence: number;
  readonly traceparent?: string | undefined;
}

/** What is being said and is not durable yet. */
export type Tellings = readonly Promise<void>[];
