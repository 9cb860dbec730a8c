import {
  type Bus,
  createLogger,
  derivedId,
  type RecordedCommit,
  RevisionConflict,
  type SessionCommand,
} from '@orrery/bus';
import { aggregates } from '../../actors/control/aggregates.ts';
import { startHost } from '../../actors/runtime/host.ts';
import type { Faults, Hop } from '../../bus/memory/faults.ts';
import { createMemoryBroker, type MemoryBroker } from '../../bus/memory/memory-bus.ts';
import { SimulatedClock } from '../../bus/memory/simulated-clock.ts';
import { behind, Gate } from './gate.ts';
import { ModelEngine, runModelNode } from './model-node.ts';
import { Random } from './random.ts';

const NODES = ['node-a', 'node-b', 'node-c'];
const HOSTS = ['control-a', 'control-b', 'control-c'];
const SESSIONS = 12;
const STEPS = 40;

/** Longer than in earnest, as virtual time passes in long steps; a host may stop for longer than that. */
const LEASE_MS = 20_000;
const STOP_MS_MAX = 60_000;
/** Once nothing more happens: a renewal is a step of the clock. */
const CALM_LEASE_MS = 600_000;

/** Long enough for every deadline and every reconciliation of a session's life. */
const SETTLING_MS = 2 * 60 * 60 * 1000;

export interface Outcome {
  readonly commits: readonly RecordedCommit[];
  readonly engines: ReadonlyMap<string, ModelEngine>;
  /** Sessions whose creation was answered with yes. */
  readonly acknowledged: ReadonlySet<string>;
  /** Appends that were refused because another writer had come first. */
  readonly fencedAppends: number;
}

/** One run of a small cluster under faults that follow from the seed, then in peace until it rests. */
export async function simulate(seed: number): Promise<Outcome> {
  const cluster = new Cluster(seed);
  const outcome = await cluster.run();
  cluster.end();
  return outcome;
}

class Cluster {
  readonly #random: Random;
  readonly #clock = new SimulatedClock(1_700_000_000_000);
  readonly #broker: MemoryBroker;
  readonly #engines = new Map(NODES.map((name) => [name, new ModelEngine()]));
  readonly #gates = new Map<string, Gate>();
  #fencedAppends = 0;
  readonly #crashes = new Map<string, () => void>();
  readonly #acknowledged = new Set<string>();
  #isTroubled = true;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#broker = createMemoryBroker({
      clock: this.#clock,
      partitions: 4,
      faults: this.#faults(),
    });
  }

  async run(): Promise<Outcome> {
    for (const name of HOSTS) this.#startHost(name);
    for (const name of NODES) this.#startNode(name);
    for (let step = 0; step < STEPS; step++) {
      if (step < SESSIONS) void this.#create(step);
      this.#disturb();
      await this.#clock.advance(this.#random.between(0, 5000));
    }
    this.#isTroubled = false;
    for (const gate of this.#gates.values()) gate.open();
    for (const name of [...HOSTS, ...NODES]) this.#restart(name);
    await this.#clock.advance(SETTLING_MS);
    const commits = await this.#readLog();
    return {
      commits,
      engines: this.#engines,
      acknowledged: this.#acknowledged,
      fencedAppends: this.#fencedAppends,
    };
  }

  end(): void {
    for (const crash of this.#crashes.values()) crash();
    this.#broker[Symbol.dispose]();
  }

  #faults(): Faults {
    return {
      deliveries: ({ kind }: Hop) => {
        if (!this.#isTroubled) return [0];
        if (kind === 'append')
          return this.#random.chance(0.02) ? [] : [this.#random.between(0, 20)];
        if (this.#random.chance(0.03)) return [];
        const delays = [this.#random.between(0, 300)];
        if (this.#random.chance(0.05)) delays.push(this.#random.between(0, 3000));
        return delays;
      },
      isAcknowledgementLost: () => this.#isTroubled && this.#random.chance(0.03),
    };
  }

  #disturb(): void {
    if (this.#random.chance(0.2)) this.#restart(this.#random.pick(HOSTS));
    if (this.#random.chance(0.2)) this.#stop(this.#random.pick(HOSTS));
    if (this.#random.chance(0.2)) this.#restart(this.#random.pick(NODES));
    if (this.#random.chance(0.3)) {
      const [mode, reason] = this.#random.chance(0.5)
        ? (['force', 'force-terminated'] as const)
        : (['graceful', 'user-requested'] as const);
      void this.#send(idOf(this.#random.between(0, SESSIONS - 1)), {
        type: 'terminate',
        mode,
        reason,
      });
    }
  }

  /** Sudden death, everything under way included, and a new process at once or a while later. */
  #restart(name: string): void {
    this.#crashes.get(name)?.();
    const start = (): void =>
      HOSTS.includes(name) ? this.#startHost(name) : this.#startNode(name);
    if (!this.#isTroubled) start();
    else
      void this.#clock
        .sleep(this.#random.between(0, 20_000))
        .then(() => this.#crashes.has(name) || start());
    if (this.#isTroubled) this.#crashes.delete(name);
  }

  /** Stops a host in the middle of whatever it does, and lets it go on later, as if nothing had been. */
  #stop(name: string): void {
    const gate = this.#gates.get(name);
    if (gate === undefined || !this.#crashes.has(name)) return;
    gate.close();
    void this.#clock.sleep(this.#random.between(0, STOP_MS_MAX)).then(() => gate.open());
  }

  #startHost(name: string): void {
    const { bus, signal } = this.#connect(name);
    const gate = new Gate();
    this.#gates.set(name, gate);
    const logger = createLogger({ name: 'control', level: 'silent' });
    const clock = behind(gate, this.#clock);
    const leaseMs = this.#isTroubled ? LEASE_MS : CALM_LEASE_MS;
    const parts = { bus: behind(gate, this.#counting(bus)), clock, logger, aggregates };
    startHost({ ...parts, name, heldMax: 100, leaseMs }, signal).done.catch(() => undefined);
  }

  #counting(bus: Bus): Bus {
    const append: Bus['log']['append'] = async (commit, expectedSequence) => {
      try {
        return await bus.log.append(commit, expectedSequence);
      } catch (error) {
        if (error instanceof RevisionConflict) this.#fencedAppends += 1;
        throw error;
      }
    };
    return { ...bus, log: { ...bus.log, append } };
  }

  #startNode(name: string): void {
    const engine = this.#engines.get(name) ?? new ModelEngine();
    const { bus, signal } = this.#connect(name);
    runModelNode({ name, engine, bus, clock: this.#clock, random: this.#random, signal }).catch(
      () => undefined,
    );
  }

  #connect(name: string): { readonly bus: Bus; readonly signal: AbortSignal } {
    this.#crashes.get(name)?.();
    const bus = this.#broker.connect();
    const stop = new AbortController();
    this.#crashes.set(name, () => {
      void bus[Symbol.asyncDispose]();
      stop.abort();
    });
    return { bus, signal: stop.signal };
  }

  async #create(index: number): Promise<void> {
    const isBatch = this.#random.chance(0.6);
    const kernels = Array.from({ length: this.#random.pick([1, 1, 2]) }, (_, rank) => ({
      id: derivedId('kernel', String(index), String(rank)),
      role: rank === 0 ? ('main' as const) : ('sub' as const),
      index: 1,
      localRank: rank,
      hostname: `kernel${rank}`,
      image: 'simulated',
      slots: { cpu: this.#random.pick(['0.5', '1', '2']), mem: '1' },
    }));
    const command: SessionCommand = {
      type: 'enqueue',
      request: {
        name: `session-${index}`,
        sessionType: isBatch ? 'batch' : 'interactive',
        owner: {
          userId: derivedId('user'),
          email: 'a@b.test',
          projectId: 'default',
          domain: 'default',
        },
        resourceGroup: 'default',
        clusterMode: this.#random.pick(['single-node', 'multi-node']),
        priority: this.#random.between(0, 100),
        environ: {},
        command: isBatch ? ['true'] : null,
        kernels,
      },
    };
    if (await this.#send(idOf(index), command)) this.#acknowledged.add(idOf(index));
  }

  /** As a gateway sends: the same command again until it is answered, or trouble is over. */
  async #send(session: string, command: SessionCommand): Promise<boolean> {
    const bus = this.#broker.connect();
    const envelope = {
      id: derivedId(session, command.type, String(this.#clock.nowMs())),
      aggregate: 'session' as const,
      aggregateId: session,
      actor: { kind: 'user' as const, id: 'user' },
      sentAtMs: this.#clock.nowMs(),
      command,
    };
    for (let tries = 0; tries < 20; tries++) {
      const patience = new AbortController();
      void this.#clock.sleep(30_000).then(() => patience.abort(new Error('no answer')));
      try {
        return (await bus.inbox.request(envelope, patience.signal)).ok;
      } catch {
        await this.#clock.sleep(1000);
      }
    }
    return false;
  }

  async #readLog(): Promise<readonly RecordedCommit[]> {
    const bus = this.#broker.connect();
    const newest = await bus.log.lastSequence();
    const commits: RecordedCommit[] = [];
    const stop = new AbortController();
    for await (const batch of bus.log.follow({ afterSequence: 0, signal: stop.signal })) {
      commits.push(...batch);
      if ((commits.at(-1)?.sequence ?? 0) >= newest) break;
    }
    stop.abort();
    return commits;
  }
}

function idOf(index: number): string {
  return derivedId('session', String(index));
}
