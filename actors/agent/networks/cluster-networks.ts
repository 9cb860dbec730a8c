import type { EngineFacts, NamedNetwork } from '@orrery/bus';

/** A network of this node's making. */
export interface MadeNetwork extends NamedNetwork {
  readonly session: string;
}

/**
 * The networks in which the kernels of one session find each other by their hostnames. Those of this node are told
 * from everybody else's by what is written on them, so that nothing need be remembered.
 * @throws {EngineUnavailable} from every call, when the engine does not answer.
 */
export interface ClusterNetworks {
  facts(signal: AbortSignal): Promise<EngineFacts>;
  /** One that is there already is as good. @throws {NetworkFailed} */
  make(network: MadeNetwork, signal: AbortSignal): Promise<void>;
  /** `in-use`: something is still attached to it. One that is not of this node's making is left alone. */
  remove(name: string, signal: AbortSignal): Promise<'gone' | 'in-use'>;
  list(signal: AbortSignal): Promise<readonly MadeNetwork[]>;
}
