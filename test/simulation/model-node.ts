import { type Bus, type Clock, derivedId, type KernelReport, KernelWish } from '@orrery/bus';
import type { Random } from './random.ts';

interface Container {
  readonly session: string;
  state: 'running' | 'exited';
  exitCode: number;
}

/** What survives the agent's death: the engine with its containers, and the wishes it has met. */
export class ModelEngine {
  readonly containers = new Map<string, Container>();
  readonly revisions = new Map<string, number>();
  /** Containers ever started of a kernel; more than one is a double start. */
  readonly starts = new Map<string, number>();
}

export interface ModelNodeParts {
  readonly name: string;
  readonly engine: ModelEngine;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** An agent as the protocol asks for one, small enough to be believed: it crashes with its signal. */
export async function runModelNode(parts: ModelNodeParts): Promise<void> {
  const { name, bus, clock, signal } = parts;
  await persist(parts, () =>
    bus.inbox.send({
      id: derivedId('register', name, String(clock.nowMs())),
      aggregate: 'node',
      aggregateId: name,
      actor: { kind: 'agent', id: name },
      sentAtMs: clock.nowMs(),
      command: {
        type: 'register',
        facts: {
          driver: 'simulated',
          architecture: 'x86_64',
          resourceGroup: 'default',
          slots: { cpu: '4', mem: '64' },
          version: '1',
        },
      },
    }),
  );
  for (const kernel of parts.engine.containers.keys()) void tellState(parts, kernel, 0);
  const start = await persist(parts, () => bus.agents.checkpoint(name));
  if (start === undefined) return;
  for await (const wishes of bus.agents.follow(name, start, signal)) {
    for (const { wish } of wishes) void obey(parts, KernelWish.parse(wish));
  }
}

async function obey(parts: ModelNodeParts, wish: KernelWish): Promise<void> {
  const { engine, clock, random, signal } = parts;
  const kernel = 'spec' in wish ? wish.spec.kernel : wish.kernel;
  const session = 'spec' in wish ? wish.spec.session : wish.session;
  if (wish.revision < (engine.revisions.get(kernel) ?? 0)) return;
  engine.revisions.set(kernel, wish.revision);
  await clock.sleep(random.between(0, 2000));
  const isStale = (): boolean =>
    signal.aborted || wish.revision < (engine.revisions.get(kernel) ?? 0);
  if (isStale()) return;
  if (wish.shall === 'be-prepared') {
    const report: KernelReport = random.chance(0.05)
      ? { state: 'failed', step: 'pull', code: 'engine-unavailable', message: 'scripted' }
      : { state: 'prepared' };
    await tell(parts, { kernel, session, revision: wish.revision, report });
    return;
  }
  if (wish.shall === 'run' && !engine.containers.has(kernel)) start(parts, { kernel, session });
  if (wish.shall === 'be-gone') {
    const container = engine.containers.get(kernel);
    engine.containers.delete(kernel);
    const report = container === undefined ? { state: 'absent' as const } : exitOf(container);
    await tell(parts, { kernel, session, revision: wish.revision, report });
    return;
  }
  await tellState(parts, kernel, wish.revision, session);
}

function start(
  parts: ModelNodeParts,
  { kernel, session }: { readonly kernel: string; readonly session: string },
): void {
  const { engine, clock, random } = parts;
  engine.starts.set(kernel, (engine.starts.get(kernel) ?? 0) + 1);
  const container: Container = { session, state: 'running', exitCode: random.chance(0.8) ? 0 : 1 };
  engine.containers.set(kernel, container);
  if (!random.chance(0.7)) return;
  // The program ends by itself, whether its agent lives or not; a living one tells at once.
  void clock.sleep(random.between(100, 60_000)).then(() => {
    container.state = 'exited';
    if (!parts.signal.aborted && engine.containers.has(kernel)) void tellState(parts, kernel, 0);
  });
}

async function tellState(
  parts: ModelNodeParts,
  kernel: string,
  revision: number,
  session = '',
): Promise<void> {
  const container = parts.engine.containers.get(kernel);
  if (container === undefined) {
    await tell(parts, { kernel, session, revision, report: { state: 'absent' } });
    return;
  }
  const running: KernelReport = { state: 'running', containerId: `of-${kernel}`, startedAtMs: 0 };
  await tell(parts, { kernel, session: container.session, revision, report: running });
  if (container.state === 'exited') {
    await tell(parts, { kernel, session: container.session, revision, report: exitOf(container) });
  }
}

function exitOf({ exitCode }: Container): KernelReport {
  return {
    state: 'exited',
    exitCode,
    wasOutOfMemory: false,
    finishedAtMs: 0,
    reason: 'self-terminated',
  };
}

async function tell(
  parts: ModelNodeParts,
  said: {
    readonly kernel: string;
    readonly session: string;
    readonly revision: number;
    readonly report: KernelReport;
  },
): Promise<void> {
  const { name, bus, clock } = parts;
  const { kernel, session, revision, report } = said;
  await persist(parts, () =>
    bus.inbox.send({
      id: derivedId(name, kernel, report.state, String(revision), String(clock.nowMs())),
      aggregate: 'session',
      aggregateId: session,
      actor: { kind: 'agent', id: name },
      sentAtMs: clock.nowMs(),
      command: { type: 'report-kernel', kernel, node: name, wishRevision: revision, report },
    }),
  );
}

/** Until it works or the node is dead. */
async function persist<Value>(
  { clock, signal }: Pick<ModelNodeParts, 'clock' | 'signal'>,
  ask: () => Promise<Value>,
): Promise<Value | undefined> {
  while (!signal.aborted) {
    try {
      return await ask();
    } catch {
      await clock.sleep(500);
    }
  }
  return undefined;
}
