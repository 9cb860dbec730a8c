import { hash } from 'node:crypto';
import {
  agentLive,
  type Bus,
  createLogger,
  derivedId,
  HEARTBEAT_PERIOD_MS,
  type Heartbeat,
  RevisionConflict,
} from '@orrery/bus';
import { aggregates } from '../../actors/control/aggregates.ts';
import { watchNodes } from '../../actors/control/liveness.ts';
import { startHost } from '../../actors/runtime/host.ts';
import { createMemoryBroker, type MemoryBroker } from '../../bus/memory/memory-bus.ts';
import { SimulatedClock } from '../../bus/memory/simulated-clock.ts';
import { Administrators } from './administrators.ts';
import { GatewayModel } from './gateway-model.ts';
import { findOverdue, findRestless, findUndrained, findWrongContainers } from './invariants.ts';
import { ModelEngine, runModelNode } from './model-node.ts';
import { SimulatedProcess } from './process.ts';
import { Random } from './random.ts';
import { findUnequalRows } from './rows.ts';
import { type FaultCounts, faultOf, Trouble } from './trouble.ts';
import { USERS, Users } from './users.ts';
import { Watcher } from './watcher.ts';
import { drawWorld, type World } from './world.ts';

const START_MS = 1_700_000_000_000;
/** Longer than in earnest, as virtual time passes in long steps; a host may stop for longer than that. */
const LEASE_MS = 20_000;
const STOP_MS_MAX = 60_000;
/** Once nothing more happens: a renewal is a step of the clock. */
const CALM_LEASE_MS = 600_000;
const AWAY_MS_MAX = 20_000;
const CUT_OFF_MS_MAX = 90_000;
const SLOW_DISK_MS_MAX = 10_000;

/** Longer than a running session is not looked after, lateness of its alarm included. */
const REST_MS = 400_000;
const LOOK_MS = 50_000;

/** A run that takes longer, in virtual time, wakes or calls to the bus, has no end: ten times what any takes. */
const PEACE_MS_MAX = 4 * 60 * 60 * 1000;
const STEPS_MAX = 20_000;

/** Chance that somebody changes the priority of a session, at one moment. */
const PRIORITY_CHANGE = 0.1;
/** Chance that an agent finds half of its node's cores when it starts. */
const SMALLER = 0.2;
/** Tells two sources of one seed apart. */
const FURTHER = 0x51ed270b;

const logger = createLogger({ name: 'control', level: 'silent' });

/** A control host's bus with a defect put in between, to see whether the simulator finds it. */
export type Defect = (bus: Bus, parts: { readonly random: Random }) => Bus;

export interface Outcome {
  readonly seed: number;
  /** What did not hold, the first of it; undefined when all did. */
  readonly violation: string | undefined;
  readonly faults: FaultCounts;
  /** Stands for every message that was stored, with its time and place: equal for equal runs. */
  readonly traceHash: string;
  readonly commits: number;
  readonly wakes: number;
  readonly calls: number;
}

/** One run of a small cluster under faults that follow from the seed, then in peace until it rests. */
export async function simulate(
  seed: number,
  defect?: Defect,
  stepsMax: number = STEPS_MAX,
): Promise<Outcome> {
  const cluster = new Cluster(seed, { defect, stepsMax });
  try {
    return await cluster.run();
  } finally {
    cluster.end();
  }
}

class Violated extends Error {}

class Cluster {
  readonly #seed: number;
  readonly #defect: Defect | undefined;
  readonly #stepsMax: number;
  readonly #random: Random;
  readonly #world: World;
  readonly #clock: SimulatedClock;
  readonly #trouble: Trouble;
  readonly #broker: MemoryBroker;
  readonly #engines: ReadonlyMap<string, ModelEngine>;
  readonly #watcher: Watcher;
  readonly #users: Users;
  readonly #gateway: GatewayModel;
  readonly #administrators: Administrators;
  /** What is drawn from it does not change what the other one draws. */
  readonly #further: Random;
  readonly #processes = new Map<string, SimulatedProcess>();
  #trace = '';
  #wakes = 0;
  #calls = 0;
  #instances = 0;

  constructor(
    seed: number,
    { defect, stepsMax }: { readonly defect: Defect | undefined; readonly stepsMax: number },
  ) {
    this.#seed = seed;
    this.#defect = defect;
    this.#stepsMax = stepsMax;
    this.#random = new Random(seed);
    this.#world = drawWorld(this.#random);
    this.#clock = new SimulatedClock(START_MS, {
      settling: 'reactions',
      onWake: () => this.#look(),
    });
    const { nodes, partitions } = this.#world;
    this.#trouble = new Trouble({ random: this.#random, clock: this.#clock, world: this.#world });
    this.#engines = new Map(
      [...nodes.keys()].map((name) => [
        name,
        new ModelEngine((start) => this.#watcher.started(name, start)),
      ]),
    );
    this.#watcher = new Watcher(nodes, this.#engines);
    this.#broker = createMemoryBroker({
      clock: this.#clock,
      partitions,
      faults: this.#trouble,
      observe: (stream, message) => {
        const { sequence, subject, body } = message;
        const place = `${this.#trace} ${this.#clock.nowMs()} ${stream} ${sequence} ${subject}`;
        this.#trace = `${hash('md5', place, 'hex')} ${hash('md5', body, 'hex')}`;
        if (stream === 'events') this.#watcher.committed(message);
      },
    });
    const connect = (): Bus => this.#broker.connect();
    this.#gateway = new GatewayModel({ clock: this.#clock, connect });
    const { ask } = this.#gateway;
    const further = new Random(seed ^ FURTHER);
    this.#users = new Users({ random: this.#random, further, ask });
    const owners = USERS.flatMap((user) => [
      ['keypair', user.toUpperCase()] as const,
      ['user', derivedId(user)] as const,
    ]);
    const administered = { random: further, ask, nodes: [...nodes.keys()], owners };
    this.#administrators = new Administrators(administered);
    this.#further = further;
  }

  async run(): Promise<Outcome> {
    try {
      await this.#troubled();
      await this.#calm();
      this.#conclude();
    } catch (error) {
      if (!(error instanceof Violated)) throw error;
    }
    return {
      seed: this.#seed,
      violation: this.#watcher.violation,
      faults: this.#trouble.counts,
      traceHash: hash('md5', this.#trace, 'hex'),
      commits: this.#watcher.commits.length,
      wakes: this.#wakes,
      calls: this.#calls,
    };
  }

  end(): void {
    for (const process of this.#processes.values()) process.die();
    this.#broker[Symbol.dispose]();
  }

  async #troubled(): Promise<void> {
    const { hosts, nodes, sessions, moments, momentMsMax } = this.#world;
    for (const name of [...hosts, ...nodes.keys()]) this.#start(name);
    for (let moment = 0; moment < Math.max(moments, sessions); moment++) {
      if (moment < sessions) void this.#users.create(moment);
      this.#disturb();
      await this.#clock.advance(this.#random.between(0, momentMsMax));
      this.#look();
    }
  }

  /** Everything runs and stays; what cannot come to rest now never does. */
  async #calm(): Promise<void> {
    this.#trouble.end();
    for (const name of [...this.#world.hosts, ...this.#world.nodes.keys()]) {
      this.#processes.get(name)?.die();
      this.#start(name);
    }
    const sinceMs = this.#clock.nowMs();
    let restSinceMs = sinceMs;
    let commits = 0;
    while (this.#clock.nowMs() - restSinceMs < REST_MS) {
      if (this.#clock.nowMs() - sinceMs > PEACE_MS_MAX)
        this.#watcher.violate(this.#restlessness() ?? 'the cluster does not come to rest');
      await this.#clock.advance(LOOK_MS);
      const overdue = findOverdue(this.#watcher.sessions, sinceMs, this.#clock.nowMs());
      if (overdue !== undefined) this.#watcher.violate(overdue);
      this.#look();
      const isMoving = commits !== this.#watcher.commits.length;
      if (isMoving || this.#restlessness() !== undefined) restSinceMs = this.#clock.nowMs();
      commits = this.#watcher.commits.length;
    }
  }

  #restlessness(): string | undefined {
    const { unanswered } = this.#gateway;
    if (unanswered > 0) return `${unanswered} commands are never answered`;
    const { sessions, scheduler } = this.#watcher;
    return findRestless(sessions, scheduler, this.#clock.nowMs())[0];
  }

  /** What can only be said of the whole, at the end. */
  #conclude(): void {
    const { sessions, commits } = this.#watcher;
    for (const { events } of commits)
      for (const event of events) {
        const fault = faultOf(event);
        if (fault !== undefined) this.#trouble.met(fault);
      }
    for (const left of findUndrained(commits, this.#watcher.scheduler)) this.#watcher.violate(left);
    for (const wrong of findWrongContainers(sessions, this.#engines)) this.#watcher.violate(wrong);
    for (const id of this.#users.accepted)
      if (!sessions.has(id)) this.#watcher.violate(`accepted session ${id} is lost`);
    for (const id of this.#users.ended)
      if (sessions.get(id)?.snapshot.status !== 'done')
        this.#watcher.violate(`session ${id} goes on after its end was accepted`);
    const unequal = findUnequalRows(commits, this.#random);
    if (unequal !== undefined) this.#watcher.violate(unequal);
  }

  /** Ends the run once something does not hold. */
  #look(): void {
    this.#wakes += 1;
    if (Math.max(this.#wakes, this.#calls) > this.#stepsMax)
      this.#watcher.violate(`no end after ${this.#wakes} wakes and ${this.#calls} calls`);
    if (this.#watcher.violation !== undefined) throw new Violated(this.#watcher.violation);
  }

  #disturb(): void {
    const { hosts, nodes, rates, sessions } = this.#world;
    const nodeNames = [...nodes.keys()];
    if (this.#random.chance(rates.hostStop)) this.#stop(this.#random.pick(hosts));
    if (this.#random.chance(rates.agentCrash)) this.#crash(this.#random.pick(nodeNames));
    if (this.#random.chance(rates.agentCutOff)) this.#cutOff(this.#random.pick(nodeNames));
    if (this.#random.chance(rates.slowDisk))
      this.#trouble.slowDisk(this.#random.between(0, SLOW_DISK_MS_MAX));
    if (this.#random.chance(rates.nodeLoss)) this.#loseNode(this.#random.pick(nodeNames));
    if (this.#random.chance(rates.terminate))
      void this.#users.terminate(this.#random.between(0, sessions - 1));
    this.#administrators.act();
    if (this.#further.chance(PRIORITY_CHANGE))
      void this.#users.prioritise(this.#further.between(0, sessions - 1));
  }

  /** Sudden death, everything under way included, and a new process a while later. */
  #crash(name: string): void {
    const process = this.#processes.get(name);
    if (process === undefined || process.isDead) return;
    process.die();
    this.#trouble.met(this.#world.nodes.has(name) ? 'agent-crashed' : 'host-crashed');
    void this.#clock.sleep(this.#random.between(0, AWAY_MS_MAX)).then(() => {
      if (this.#processes.get(name)?.isDead) this.#start(name);
    });
  }

  /** Stops a host in the middle of whatever it does, and lets it go on later. */
  #stop(name: string): void {
    const process = this.#processes.get(name);
    if (process === undefined || process.isDead) return;
    process.stop();
    this.#trouble.met('host-stopped');
    void this.#clock.sleep(this.#random.between(0, STOP_MS_MAX)).then(() => process.goOn());
  }

  #cutOff(name: string): void {
    const process = this.#processes.get(name);
    if (process === undefined || process.isDead) return;
    process.cutOff();
    this.#trouble.met('agent-cut-off');
    void this.#clock.sleep(this.#random.between(0, CUT_OFF_MS_MAX)).then(() => process.connect());
  }

  /** The agent dies and all that ran on its machine with it. */
  #loseNode(name: string): void {
    this.#engines.get(name)?.losePower();
    this.#trouble.met('node-lost');
    this.#crash(name);
  }

  #start(name: string): void {
    const isNode = this.#world.nodes.has(name);
    const { crashAtCall } = this.#world.rates;
    const process = new SimulatedProcess({
      bus: this.#broker.connect(),
      clock: this.#clock,
      onCall: () => {
        this.#calls += 1;
        if (this.#calls > this.#stepsMax) process.die();
        if (!this.#trouble.isOver && !process.isDead && this.#random.chance(crashAtCall))
          this.#crash(name);
      },
    });
    this.#processes.set(name, process);
    if (isNode) this.#runNode(name, process);
    else this.#runHost(name, process);
  }

  #runHost(name: string, { bus, clock, signal }: SimulatedProcess): void {
    const sound = this.#watched(bus);
    const assembled = this.#defect?.(sound, { random: this.#random }) ?? sound;
    const leaseMs = this.#trouble.isOver ? CALM_LEASE_MS : LEASE_MS;
    const instance = String(this.#instances++).padStart(6, '0');
    const host = startHost(
      {
        bus: assembled,
        clock,
        logger,
        aggregates,
        name,
        instance,
        heldMax: 100,
        leaseMs,
        duties: {
          liveness: (tenure) => watchNodes({ bus: assembled, clock, logger }, tenure.signal),
        },
      },
      signal,
    );
    host.done.catch((error: unknown) => {
      // The bus of a dead process fails; a living host fails by a defect.
      if (!signal.aborted) this.#watcher.violate(`the host ${name} failed: ${String(error)}`);
    });
  }

  /** What a host says is held against the log, and what the log refuses is counted. */
  #watched(bus: Bus): Bus {
    const append: Bus['log']['append'] = async (commit, expectedSequence) => {
      try {
        return await bus.log.append(commit, expectedSequence);
      } catch (error) {
        if (error instanceof RevisionConflict) this.#trouble.met('fenced');
        throw error;
      }
    };
    const reply: Bus['inbox']['reply'] = (replyTo, outcome) => {
      this.#watcher.answered(outcome);
      bus.inbox.reply(replyTo, outcome);
    };
    return { ...bus, log: { ...bus.log, append }, inbox: { ...bus.inbox, reply } };
  }

  #runNode(name: string, process: SimulatedProcess): void {
    const engine = this.#engines.get(name);
    const all = this.#world.nodes.get(name);
    if (engine === undefined || all === undefined) return;
    const isSmaller = !this.#trouble.isOver && this.#further.chance(SMALLER);
    const slots = isSmaller ? { ...all, cpu: String(Number(all['cpu']) / 2) } : all;
    const { bus, clock, signal } = process;
    const failureRate = this.#world.rates.startFailure;
    const random = this.#random;
    const running = runModelNode({ name, engine, slots, bus, clock, random, failureRate, signal });
    running.catch((error: unknown) => {
      if (!signal.aborted) this.#watcher.violate(`the agent ${name} failed: ${String(error)}`);
    });
    void beat(name, process);
  }
}

async function beat(name: string, { bus, clock, signal }: SimulatedProcess): Promise<void> {
  while (!signal.aborted) {
    const heartbeat: Heartbeat = { node: name, atMs: clock.nowMs(), kernelsRunning: 0 };
    bus.live.publish(agentLive.heartbeat(name), heartbeat);
    await clock.sleep(HEARTBEAT_PERIOD_MS, signal).catch(() => undefined);
  }
}
