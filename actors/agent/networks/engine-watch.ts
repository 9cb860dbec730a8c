import type { EngineFacts } from '@orrery/bus';
import type { ClusterNetworks } from './cluster-networks.ts';

/** What is known of a node's engine, and whether it has changed: an engine joins and leaves a swarm as it likes. */
export class EngineWatch {
  readonly #networks: Pick<ClusterNetworks, 'facts'> | undefined;
  #facts: EngineFacts | undefined;

  constructor(networks: Pick<ClusterNetworks, 'facts'> | undefined) {
    this.#networks = networks;
  }

  get facts(): EngineFacts | undefined {
    return this.#facts;
  }

  /** Whether they have changed. @throws {EngineUnavailable} */
  async refresh(signal: AbortSignal): Promise<boolean> {
    const before = JSON.stringify(this.#facts);
    this.#facts = await this.#networks?.facts(signal);
    return JSON.stringify(this.#facts) !== before;
  }
}
