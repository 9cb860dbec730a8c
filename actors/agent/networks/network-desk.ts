import {
  type Clock,
  derivedId,
  type Logger,
  type NetworkReport,
  NetworkWish,
  newId,
  type ReceivedWish,
  type SessionCommand,
} from '@orrery/bus';
import { EngineUnavailable, NetworkFailed } from '../errors.ts';
import { awaitEngine } from '../persistence.ts';
import type { Reporter } from '../reporter.ts';
import type { WishCheckpoint } from '../wish-checkpoint.ts';
import type { ClusterNetworks } from './cluster-networks.ts';

/** After that a network that is in use is left to the sweep. */
const REMOVE_MS_MAX = 60_000;
const REMOVE_STEP_MS_MIN = 100;
const REMOVE_STEP_MS_MAX = 5_000;
const SWEEP_PERIOD_MS = 300_000;

interface Told {
  readonly name: string;
  readonly session: string;
  readonly report: NetworkReport;
  readonly id: string;
}

export function isNetworkWish({ wish }: Pick<ReceivedWish, 'wish'>): boolean {
  const shall = typeof wish === 'object' && wish !== null && 'shall' in wish ? wish.shall : '';
  return shall === 'have-network' || shall === 'drop-network';
}

/**
 * Has a node's networks made and removed as it is wished, one thing about a network at a time. What is left over, of
 * whatever went wrong, is found by the sweep: the session is told of it and says when nobody wants it any more.
 */
export class NetworkDesk {
  readonly #options: NetworkDeskOptions;
  readonly #jobs = new Map<string, Promise<void>>();

  constructor(options: NetworkDeskOptions) {
    this.#options = options;
  }

  take({ sequence, wish: unparsed }: ReceivedWish): void {
    const { checkpoint, logger, signal } = this.#options;
    checkpoint.begin(sequence);
    const parsed = NetworkWish.safeParse(unparsed);
    if (!parsed.success) {
      logger.error({ err: parsed.error, sequence }, 'a wish is not what its contract says');
      checkpoint.finish(sequence);
      return;
    }
    const wish = parsed.data;
    const { name } = wish.network;
    const job = (this.#jobs.get(name) ?? Promise.resolve())
      .then(() => (wish.shall === 'have-network' ? this.#have(wish, sequence) : this.#drop(name)))
      .then(() => checkpoint.finish(sequence))
      .catch((err: unknown) => {
        // What this agent's end interrupted is done by the next one.
        if (!signal.aborted) logger.error({ err, network: name }, 'a network wish failed');
      })
      .finally(() => {
        if (this.#jobs.get(name) === job) this.#jobs.delete(name);
      });
    this.#jobs.set(name, job);
  }

  /** Tells of all networks that are there, now and from time to time, until the signal fires. */
  async sweep(): Promise<void> {
    const { networks, clock, logger, signal } = this.#options;
    if (networks === undefined) return;
    while (!signal.aborted) {
      try {
        for (const { name, session } of await networks.list(signal)) {
          if (this.#jobs.has(name)) continue;
          const report = { state: 'found' } as const;
          await this.#tell({ name, session, report, id: newId(clock.nowMs()) });
        }
      } catch (err) {
        if (!signal.aborted) logger.warn({ err }, 'the networks of this node could not be listed');
      }
      await clock.sleep(SWEEP_PERIOD_MS, signal).catch(() => undefined);
    }
  }

  async allSettled(): Promise<void> {
    await Promise.all(this.#jobs.values());
  }

  async #have(wish: NetworkWish, sequence: number): Promise<void> {
    const { session, network } = wish;
    const report = await this.#made(wish);
    const id = derivedId(this.#options.node, network.name, String(sequence), report.state);
    await this.#tell({ name: network.name, session, report, id });
  }

  async #made({ session, network }: NetworkWish): Promise<NetworkReport> {
    const { networks, clock, logger, signal } = this.#options;
    if (networks === undefined)
      return failure(new NetworkFailed(network.name, 'the driver of this node knows no networks'));
    try {
      await awaitEngine({ clock, signal }, () => networks.make({ ...network, session }, signal));
      return { state: 'ready' };
    } catch (err) {
      signal.throwIfAborted();
      logger.warn({ err, network: network.name }, 'a network could not be made');
      return failure(err);
    }
  }

  async #drop(name: string): Promise<void> {
    const { networks, clock, logger, signal } = this.#options;
    if (networks === undefined) return;
    const deadlineMs = clock.nowMs() + REMOVE_MS_MAX;
    for (let waitMs = REMOVE_STEP_MS_MIN; ; waitMs = Math.min(waitMs * 2, REMOVE_STEP_MS_MAX)) {
      try {
        if ((await networks.remove(name, signal)) === 'gone') return;
      } catch (err) {
        signal.throwIfAborted();
        if (!(err instanceof EngineUnavailable)) throw err;
      }
      if (clock.nowMs() >= deadlineMs) {
        logger.warn({ network: name }, 'a network is still in use and will be removed later');
        return;
      }
      await clock.sleep(waitMs, signal);
    }
  }

  #tell({ name, session, report, id }: Told): Promise<void> {
    const { reporter, node } = this.#options;
    const command: SessionCommand = { type: 'report-network', node, name, report };
    return reporter.tell({ id, aggregate: 'session', aggregateId: session, command });
  }
}

export interface NetworkDeskOptions {
  /** Undefined: the driver has none. */
  readonly networks: ClusterNetworks | undefined;
  readonly reporter: Pick<Reporter, 'tell'>;
  readonly checkpoint: Pick<WishCheckpoint, 'begin' | 'finish'>;
  readonly node: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

function failure(err: unknown): NetworkReport {
  const code = err instanceof EngineUnavailable ? err.code : 'network-failed';
  const message = err instanceof Error ? err.message : String(err);
  const isRetryable =
    err instanceof EngineUnavailable || (err instanceof NetworkFailed && err.isRetryable);
  return { state: 'failed', code, message, isRetryable };
}
