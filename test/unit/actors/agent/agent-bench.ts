import { randomUUID } from 'node:crypto';
import {
  type Bus,
  createLogger,
  type KernelReport,
  type KernelSpec,
  type KernelWish,
  SessionCommand,
} from '@orrery/bus';
import { type Agent, startAgent } from '../../../../actors/agent/agent.ts';
import type { ContainerDriver } from '../../../../actors/agent/container-driver.ts';
import { KernelRecords } from '../../../../actors/agent/kernel-records.ts';
import { SimulatedDriver } from '../../../../actors/agent/simulated/simulated-driver.ts';
import {
  SIMULATION_VARIABLE,
  type Simulation,
} from '../../../../actors/agent/simulated/simulation.ts';
import { createMemoryBroker } from '../../../../bus/memory/memory-bus.ts';
import { SimulatedClock } from '../../../../bus/memory/simulated-clock.ts';

const NODE = 'node-a';

export function specOf(
  simulation: Partial<Simulation>,
  more: Partial<KernelSpec> = {},
): KernelSpec {
  return {
    kernel: randomUUID(),
    session: randomUUID(),
    sessionName: 's',
    sessionType: 'batch',
    image: 'simulated',
    command: ['true'],
    environ: { [SIMULATION_VARIABLE]: JSON.stringify(simulation) },
    slots: { cpu: '1', mem: '1024' },
    hostname: 'main1',
    role: 'main',
    ownerUserId: 'u',
    ownerProjectId: 'p',
    ...more,
  };
}

/** One agent on a bus in memory and a clock that stands still, whose reports are collected. */
export class AgentBench {
  readonly clock = new SimulatedClock(1_000_000);
  readonly logger = createLogger({ name: 'test', level: 'silent' });
  readonly records = new KernelRecords({ logger: this.logger });
  readonly reports: { readonly kernel: string; readonly report: KernelReport }[] = [];
  readonly commands: { readonly aggregate: string; readonly command: unknown }[] = [];
  readonly bus: Bus;
  readonly driver: ContainerDriver;
  readonly #over = new AbortController();
  #stop = new AbortController();
  #agent: Agent | undefined;
  #wishes = 0;
  #onReport: ((go: () => void) => void) | undefined;

  constructor() {
    const broker = createMemoryBroker({ clock: this.clock });
    const bus = broker.connect();
    const send: Bus['inbox']['send'] = async (envelope) => {
      const hold = envelope.aggregate === 'session' ? this.#onReport : undefined;
      if (hold !== undefined) await new Promise<void>((resolve) => hold(resolve));
      await bus.inbox.send(envelope);
    };
    this.bus = { ...bus, inbox: { ...bus.inbox, send, deliver: send } };
    this.driver = new SimulatedDriver({ clock: this.clock });
    for (let partition = 0; partition < this.bus.inbox.partitions; partition++)
      void this.#collect(partition);
  }

  async start(): Promise<void> {
    this.#stop = new AbortController();
    const { bus, driver, records, clock, logger } = this;
    const facts = {
      driver: 'simulated',
      architecture: 'x86_64',
      resourceGroup: 'default',
      slots: { cpu: '4', mem: '1000000' },
      version: '1',
    } as const;
    this.#agent = startAgent(
      { bus, node: NODE, driver, facts, records, clock, logger },
      this.#stop.signal,
    );
    await this.settle();
    await this.#agent.ready;
  }

  /** The agent's process ends; its kernels go on. */
  async end(): Promise<void> {
    this.#stop.abort(new Error('the test ends it'));
    await this.settle();
    await this.#agent?.done;
  }

  async wish(wish: KernelWish | { readonly nonsense: true }): Promise<void> {
    this.#wishes += 1;
    await this.bus.agents.send({
      node: NODE,
      key: randomUUID(),
      id: `wish-${this.#wishes}`,
      wish,
    });
    await this.settle();
  }

  /** While there is a listener, a report is sent only when that says `go`. */
  holdReports(onReport: ((go: () => void) => void) | undefined): void {
    this.#onReport = onReport;
  }

  reportsOf(kernel: string): readonly KernelReport[] {
    return this.reports.filter((each) => each.kernel === kernel).map(({ report }) => report);
  }

  statesOf(kernel: string): readonly string[] {
    return this.reportsOf(kernel).map(({ state }) => state);
  }

  /** Several rounds, for messages that lead to messages. */
  async settle(): Promise<void> {
    for (let round = 0; round < 20; round++) await this.clock.settle();
  }

  async advance(byMs: number): Promise<void> {
    await this.clock.advance(byMs);
    await this.settle();
  }

  async close(): Promise<void> {
    await this.end();
    this.#over.abort(new Error('the test ends'));
    await this.settle();
    await this.driver[Symbol.asyncDispose]();
    await this.bus[Symbol.asyncDispose]();
  }

  async #collect(partition: number): Promise<void> {
    for await (const commands of this.bus.inbox.follow(partition, 0, this.#over.signal)) {
      for (const { envelope } of commands) {
        this.commands.push({ aggregate: envelope.aggregate, command: envelope.command });
        if (envelope.aggregate !== 'session') continue;
        const command = SessionCommand.parse(envelope.command);
        if (command.type === 'report-kernel')
          this.reports.push({ kernel: command.kernel, report: command.report });
      }
    }
  }
}
