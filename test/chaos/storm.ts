import { connect } from '@nats-io/transport-node';
import { systemClock } from '@orrery/bus';
import type { Random } from '../simulation/random.ts';
import { AGENTS, CONTROLS, type Stand } from './stand.ts';

const PAUSE_MS_MIN = 300;
const PAUSE_MS_MAX = 3_000;
const AWAY_MS_MAX = 4_000;
const STOPPED_MS_MAX = 9_000;
const FULL_MS_MAX = 5_000;
const CLOCK_JUMP_MS_MAX = 6 * 60 * 60_000;
const LEADER_ANSWER_MS_MAX = 2_000;
/** Of how many actions one kills everything at once. */
const ALL_AT_ONCE_SHARE = 0.02;

const NATS = ['nats-1', 'nats-2', 'nats-3'] as const;
const OWN = [...CONTROLS, 'projector', 'gateway', ...AGENTS.map(({ name }) => name)] as const;

interface Action {
  readonly name: string;
  readonly perform: () => Promise<void>;
}

/** Trouble that follows from the seed: what happens, to whom, and how long it lasts. */
export class Storm {
  /** How often each action was taken. */
  readonly counts = new Map<string, number>();
  readonly #stand: Stand;
  readonly #random: Random;
  readonly #tell: (line: string) => void;
  readonly #lasting = new Set<Promise<void>>();

  constructor(
    stand: Stand,
    { random, tell }: { readonly random: Random; readonly tell: (line: string) => void },
  ) {
    this.#stand = stand;
    this.#random = random;
    this.#tell = tell;
  }

  /** Until the signal fires; then all that was stopped goes on, and all that was filled is freed. */
  async run(signal: AbortSignal): Promise<void> {
    const actions = this.#actions();
    // Each once, in an order of the seed's, before any comes twice.
    const first = [...actions];
    while (!signal.aborted) {
      const action =
        first.splice(this.#random.between(0, first.length - 1), 1)[0] ??
        (this.#random.chance(ALL_AT_ONCE_SHARE) ? this.#everything() : this.#random.pick(actions));
      this.counts.set(action.name, (this.counts.get(action.name) ?? 0) + 1);
      this.#tell(action.name);
      const lasting = action.perform().finally(() => this.#lasting.delete(lasting));
      this.#lasting.add(lasting);
      const pauseMs = this.#random.between(PAUSE_MS_MIN, PAUSE_MS_MAX);
      await systemClock.sleep(pauseMs, signal).catch(() => undefined);
    }
    await Promise.all(this.#lasting);
    for (const each of this.#stand.processes.values()) each.resume();
    await this.#restartBroken();
  }

  #actions(): readonly Action[] {
    const random = this.#random;
    const awayMs = (): number => random.between(0, AWAY_MS_MAX);
    const kills = [...OWN, ...NATS, 'postgres'].map((name) => ({
      name: `kill ${name}`,
      perform: () => this.#kill(name, awayMs()),
    }));
    const stops = [...OWN, ...NATS, 'postgres'].map((name) => ({
      name: `stop ${name}`,
      perform: () => this.#stop(name, random.between(200, STOPPED_MS_MAX)),
    }));
    const jumps = AGENTS.map(({ name }) => ({
      name: `clock ${name}`,
      perform: () => this.#jump(name, random.between(-CLOCK_JUMP_MS_MAX, CLOCK_JUMP_MS_MAX)),
    }));
    const disks = this.#stand.nats.members.flatMap(({ name, disk }) =>
      disk === undefined
        ? []
        : [
            {
              name: `disk ${name}`,
              perform: () => this.#fill(name, random.between(500, FULL_MS_MAX)),
            },
          ],
    );
    return [
      ...kills,
      ...stops,
      ...jumps,
      ...disks,
      { name: 'kill leader', perform: () => this.#killLeader(awayMs()) },
      { name: 'restart postgres', perform: () => this.#kill('postgres', 0, 'SIGINT') },
    ];
  }

  #everything(): Action {
    const names = [...this.#stand.processes.keys()];
    return {
      name: 'kill everything',
      perform: async () => {
        await Promise.all(names.map((name) => this.#kill(name, this.#random.between(0, 1_000))));
      },
    };
  }

  async #kill(name: string, awayMs: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#stand.processes.get(name)?.kill(awayMs, signal);
  }

  async #stop(name: string, forMs: number): Promise<void> {
    const victim = this.#stand.processes.get(name);
    victim?.pause();
    await systemClock.sleep(forMs);
    victim?.resume();
  }

  async #jump(agent: string, offsetMs: number): Promise<void> {
    this.#stand.setClock(agent, offsetMs);
  }

  /** The server that leads the log at the moment; any, when none says so in time. */
  async #killLeader(awayMs: number): Promise<void> {
    const leader = await this.#findLeader().catch(() => undefined);
    await this.#kill(leader ?? this.#random.pick(NATS), awayMs);
  }

  async #findLeader(): Promise<string | undefined> {
    const { members, user, password } = this.#stand.nats;
    const servers = members.map(({ server }) => server);
    const connection = await connect({
      servers,
      user,
      pass: password,
      timeout: LEADER_ANSWER_MS_MAX,
      reconnect: false,
    });
    try {
      const answer = await connection.request('$JS.API.STREAM.INFO.EVENTS', '', {
        timeout: LEADER_ANSWER_MS_MAX,
      });
      const told: unknown = answer.json();
      return leaderOf(told);
    } finally {
      await connection.close();
    }
  }

  /**
   * A server whose disk was full gives up JetStream until it is started again. One that was started while it
   * was full takes no part in some of its streams, says that it is well, and answers for them with what it
   * had: so its keeper starts it again once there is room.
   */
  async #fill(name: string, forMs: number): Promise<void> {
    const member = this.#stand.nats.members.find((each) => each.name === name);
    member?.disk?.fill();
    await systemClock.sleep(forMs);
    member?.disk?.free();
    await this.#kill(name, 0, 'SIGTERM');
    await this.#restartBroken();
  }

  async #restartBroken(): Promise<void> {
    for (const { name, isWorking } of this.#stand.nats.members) {
      const server = this.#stand.processes.get(name);
      if (server?.isRunning && !(await isWorking())) await server.kill(0, 'SIGTERM');
    }
  }
}

function leaderOf(told: unknown): string | undefined {
  if (typeof told !== 'object' || told === null || !('cluster' in told)) return undefined;
  const { cluster } = told;
  if (typeof cluster !== 'object' || cluster === null || !('leader' in cluster)) return undefined;
  return typeof cluster.leader === 'string' ? cluster.leader : undefined;
}
