import type { Logger } from '@orrery/bus';
import type { Projections } from './projections.ts';

export interface OpenOptions {
  readonly logger?: Logger | undefined;
  /** Default `orrery`. */
  readonly schema?: string | undefined;
  /** Default 10. */
  readonly connectionsMax?: number | undefined;
}

/** The read side over a pool of connections. Connects when first asked. */
export declare function openProjections(url: string, options?: OpenOptions): Promise<Projections>;
