import {
  agentLive,
  type Bus,
  type Clock,
  type ImageCommand,
  imageId,
  type KernelReport,
  KernelWish,
  type Logger,
  type NodeCommand,
  newId,
  type SessionCommand,
  StreamInput,
  type StreamOutput,
  StreamRequest,
  serveDuplex,
} from '@orrery/bus';

export const NODE = 'node-a';
export const IMAGE = 'simulated';

interface Parts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One node that does at once what it is told. A batch session's kernel ends by itself at `finish`. */
export class SimulatedAgent {
  readonly #parts: Parts;
  readonly #revisions = new Map<string, { readonly session: string; readonly revision: number }>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async register(): Promise<void> {
    const facts = {
      driver: 'simulated',
      architecture: 'x86_64',
      resourceGroup: 'default',
      slots: { cpu: '8', mem: String(8 * 1024 ** 3) },
      version: '0.1.0',
    } as const;
    await this.#request('node', NODE, { type: 'register', facts });
    const image = { digest: '', architecture: 'x86_64', sizeBytes: 0, labels: {} };
    const report: ImageCommand = { type: 'report', reference: IMAGE, node: NODE, facts: image };
    await this.#request('image', imageId(IMAGE), report);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { bus, clock, logger } = this.#parts;
    const serving = serveDuplex<StreamRequest, StreamInput, StreamOutput>(
      bus.live,
      agentLive.streams(NODE),
      async (first, stream) => {
        if (first.kind === 'logs') {
          const log = Buffer.from('hello log');
          const data = log.subarray(first.offsetBytes).toString('base64');
          await stream.send({
            kind: 'output',
            source: 'stdout',
            data,
            offsetBytes: first.offsetBytes,
          });
        } else {
          let offsetBytes = 0;
          for await (const frame of stream.incoming) {
            if (frame.kind === 'end-of-input') break;
            if (frame.kind !== 'input') continue;
            await stream.send({ kind: 'output', source: 'stdout', data: frame.data, offsetBytes });
            offsetBytes += Buffer.from(frame.data, 'base64').length;
          }
        }
        await stream.send({ kind: 'exit', exitCode: first.kind === 'exec' ? 7 : 0 });
      },
      { clock, logger, first: StreamRequest, incoming: StreamInput, signal },
    );
    for await (const wishes of bus.agents.follow(NODE, 0, signal)) {
      for (const { wish } of wishes) await this.#obey(KernelWish.parse(wish));
    }
    await serving;
  }

  /** The kernel's program ends. */
  finish(kernel: string, exitCode: number): Promise<void> {
    return this.#report(kernel, exited('self-terminated', exitCode));
  }

  async #obey(wish: KernelWish): Promise<void> {
    const kernel = 'spec' in wish ? wish.spec.kernel : wish.kernel;
    const session = 'spec' in wish ? wish.spec.session : wish.session;
    this.#revisions.set(kernel, { session, revision: wish.revision });
    const startedAtMs = this.#parts.clock.nowMs();
    if (wish.shall === 'be-prepared') await this.#report(kernel, { state: 'prepared' });
    if (wish.shall === 'run')
      await this.#report(kernel, { state: 'running', containerId: `c-${kernel}`, startedAtMs });
    if (wish.shall === 'be-gone') await this.#report(kernel, exited(wish.reason, 137));
  }

  async #report(kernel: string, report: KernelReport): Promise<void> {
    const known = this.#revisions.get(kernel);
    if (known === undefined) throw new Error('the agent was told nothing of this kernel');
    const command: SessionCommand = {
      type: 'report-kernel',
      kernel,
      node: NODE,
      wishRevision: known.revision,
      report,
    };
    await this.#request('session', known.session, command);
  }

  async #request(
    aggregate: 'session' | 'node' | 'image',
    aggregateId: string,
    command: NodeCommand | ImageCommand | SessionCommand,
  ): Promise<void> {
    const { bus, clock } = this.#parts;
    const sentAtMs = clock.nowMs();
    const actor = { kind: 'agent', id: NODE } as const;
    const envelope = { id: newId(sentAtMs), aggregate, aggregateId, actor, sentAtMs, command };
    const outcome = await bus.inbox.request(envelope, AbortSignal.timeout(10_000));
    if (!outcome.ok) throw new Error(`${command.type} was refused: ${outcome.error.code}`);
  }
}

function exited(reason: string, exitCode: number): KernelReport {
  return { state: 'exited', exitCode, wasOutOfMemory: false, finishedAtMs: null, reason };
}
