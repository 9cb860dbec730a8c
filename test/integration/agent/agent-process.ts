import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  agentLive,
  type Bus,
  connectBus,
  type Duplex,
  ImageCommand,
  type KernelReport,
  type KernelSpec,
  type KernelWish,
  NodeCommand,
  type NodeFacts,
  type NodeTrouble,
  openDuplex,
  type RegistryAnswer,
  RegistryQuestion,
  registryLive,
  SessionCommand,
  type StreamInput,
  StreamOutput,
  type StreamRequest,
  systemClock,
} from '@orrery/bus';
import { EnvironmentChild } from '../../environment/child.ts';
import { startNats, type TestNats } from '../../environment/nats.ts';
import { makeScratch } from '../../environment/scratch.ts';

const MAIN = fileURLToPath(new URL('../../../actors/agent/main.ts', import.meta.url));
const DEADLINE_MS = 60_000;
const STEP_MS = 10;
const NODE = 'node-a';

export interface AgentSetting {
  readonly driver: 'docker' | 'process';
  readonly dockerSocket?: string;
  readonly pullPolicy?: 'digest' | 'tag' | 'none';
}

/** A real agent process on a real bus; the test is the control plane. */
export class AgentProcess {
  readonly reports: {
    readonly kernel: string;
    readonly report: KernelReport;
    readonly traceparent: string | undefined;
  }[] = [];
  readonly images: string[] = [];
  /** What it has told of its node, the newest last. */
  readonly facts: NodeFacts[] = [];
  /** Called with each report as it comes. */
  readonly listeners = new Set<(kernel: string, report: KernelReport) => void>();
  /** What the test, as the gateway, says of registries, by their hosts. */
  readonly registries = new Map<string, RegistryAnswer>();
  readonly bus: Bus;
  readonly #nats: TestNats;
  readonly #scratch: ReturnType<typeof makeScratch>;
  readonly #config: string;
  readonly #over = new AbortController();
  #child: EnvironmentChild | undefined;
  #log = '';

  private constructor(nats: TestNats, bus: Bus, setting: AgentSetting) {
    this.#nats = nats;
    this.bus = bus;
    this.#scratch = makeScratch('agent with a space');
    this.#config = join(this.#scratch.path, 'orrery.toml');
    writeFileSync(this.#config, settingsText(nats, setting, join(this.#scratch.path, 'data')));
    for (let partition = 0; partition < bus.inbox.partitions; partition++)
      void this.#collect(partition);
    void this.#answerRegistries();
  }

  static async open(setting: AgentSetting): Promise<AgentProcess> {
    const nats = await startNats();
    const { servers, user, password } = nats;
    const bus = await connectBus(
      { servers: [...servers], user, password, replicas: 1, partitions: 8 },
      { name: 'test' },
    );
    return new AgentProcess(nats, bus, setting);
  }

  get pid(): number {
    if (this.#child === undefined) throw new Error('the agent was not started');
    return this.#child.pid;
  }

  /** `environ`: over its settings. */
  async start(environ: Readonly<Record<string, string>> = {}): Promise<void> {
    const log = join(this.#scratch.path, `agent-${randomUUID()}.log`);
    this.#log = log;
    const env = { ...process.env, ...environ };
    const launch = { command: process.execPath, args: [MAIN, '--config', this.#config], env };
    this.#child = new EnvironmentChild(launch, { log });
    await this.#child.becomesReady(() => /^ready$/m.test(this.#tail()));
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#child?.end(signal);
  }

  async wish(wish: KernelWish, traceparent?: string): Promise<void> {
    const key = 'spec' in wish ? wish.spec.kernel : wish.kernel;
    await this.bus.agents.send({ node: NODE, key, id: randomUUID(), wish, traceparent });
  }

  async run(spec: KernelSpec): Promise<void> {
    await this.wish({ shall: 'be-prepared', revision: 1, spec });
    await this.until(spec, 'prepared');
    await this.wish({ shall: 'run', revision: 2, spec });
  }

  async beGone({ kernel, session }: KernelSpec, graceMs = 0): Promise<void> {
    const reason = 'user-requested';
    await this.wish({ shall: 'be-gone', revision: 3, kernel, session, graceMs, reason });
  }

  reportsOf({ kernel }: KernelSpec): readonly KernelReport[] {
    return this.reports.filter((each) => each.kernel === kernel).map(({ report }) => report);
  }

  /** The first report of the state, as it comes. */
  async until<State extends KernelReport['state']>(
    spec: KernelSpec,
    state: State,
  ): Promise<Extract<KernelReport, { readonly state: State }>> {
    const isIt = (report: KernelReport): report is Extract<KernelReport, { state: State }> =>
      report.state === state;
    await this.poll(() => this.reportsOf(spec).some(isIt), `${state} of ${spec.kernel}`);
    const found = this.reportsOf(spec).find(isIt);
    if (found === undefined) throw new Error('unreachable');
    return found;
  }

  /** What it says is wrong on its node now. */
  troubles(): readonly NodeTrouble[] {
    return this.facts.at(-1)?.troubles ?? [];
  }

  async poll(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const deadlineMs = systemClock.nowMs() + DEADLINE_MS;
    while (!(await isSo())) {
      if (systemClock.nowMs() > deadlineMs)
        throw new Error(`not in time: ${what}; ${this.#tail()}`);
      await systemClock.sleep(STEP_MS);
    }
  }

  open(request: StreamRequest): Promise<Duplex<StreamOutput, StreamInput>> {
    return openDuplex<StreamOutput, StreamInput>(this.bus.live, agentLive.streams(NODE), request, {
      clock: systemClock,
      incoming: StreamOutput,
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  }

  /** Everything that it said in its log since its last start. */
  log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  async close(): Promise<void> {
    await this.end('SIGTERM');
    this.#over.abort(new Error('the test ends'));
    await this.bus[Symbol.asyncDispose]();
    await this.#nats.stop();
    this.#scratch.remove();
  }

  #tail(): string {
    return readFileSync(this.#log, 'utf8').slice(-4_000);
  }

  async #answerRegistries(): Promise<void> {
    const { live } = this.bus;
    for await (const asked of live.subscribe(registryLive.all, this.#over.signal)) {
      const { host } = RegistryQuestion.parse(asked.body);
      if (asked.replyTo !== undefined) live.publish(asked.replyTo, this.registries.get(host) ?? {});
    }
  }

  async #collect(partition: number): Promise<void> {
    for await (const commands of this.bus.inbox.follow(partition, 0, this.#over.signal)) {
      for (const { envelope } of commands) {
        if (envelope.aggregate === 'image') {
          const command = ImageCommand.parse(envelope.command);
          if (command.type === 'report') this.images.push(command.reference);
        }
        if (envelope.aggregate === 'node') {
          const command = NodeCommand.parse(envelope.command);
          if (command.type === 'register') this.facts.push(command.facts);
        }
        if (envelope.aggregate !== 'session') continue;
        const command = SessionCommand.parse(envelope.command);
        if (command.type !== 'report-kernel') continue;
        const { kernel, report } = command;
        this.reports.push({ kernel, report, traceparent: envelope.traceparent });
        for (const listener of this.listeners) listener(kernel, report);
      }
    }
  }
}

/** Everything of a stream: what was written to either side, and the exit code. */
export async function collect(
  stream: Duplex<StreamOutput, StreamInput>,
  onOutput: (text: string) => void = () => undefined,
): Promise<{ readonly text: string; readonly exitCode: number | null | undefined }> {
  let text = '';
  let exitCode: number | null | undefined;
  for await (const frame of stream.incoming) {
    if (frame.kind === 'output') {
      text += Buffer.from(frame.data, 'base64').toString();
      onOutput(text);
    }
    if (frame.kind === 'exit') exitCode = frame.exitCode;
  }
  await stream[Symbol.asyncDispose]();
  return { text, exitCode };
}

function settingsText(nats: TestNats, setting: AgentSetting, dataDirectory: string): string {
  const { driver, dockerSocket, pullPolicy } = setting;
  return [
    '[bus]',
    `servers = ${JSON.stringify(nats.servers)}`,
    `user = ${JSON.stringify(nats.user)}`,
    `password = ${JSON.stringify(nats.password)}`,
    '[postgres]',
    'url = "postgres://unused"',
    '[gateway]',
    'masterKey = "unused"',
    '[agent]',
    `node = "${NODE}"`,
    `driver = "${driver}"`,
    `dataDirectory = ${JSON.stringify(dataDirectory)}`,
    ...(dockerSocket === undefined ? [] : [`dockerSocket = ${JSON.stringify(dockerSocket)}`]),
    ...(pullPolicy === undefined ? [] : ['[agent.images]', `pullPolicy = "${pullPolicy}"`]),
    '[logging]',
    'level = "info"',
    '',
  ].join('\n');
}
