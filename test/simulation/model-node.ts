import {
  type Bus,
  type Clock,
  derivedId,
  type KernelReport,
  KernelWish,
  type Slots,
} from '@orrery/bus';
import type { Random } from './random.ts';
import type { Start } from './watcher.ts';

interface Container {
  readonly session: string;
  state: 'running' | 'exited';
  exitCode: number;
  isToldToRun: boolean;
}

/** What survives the agent's death: the engine with its containers, and the wishes it has met. */
export class ModelEngine {
  readonly containers = new Map<string, Container>();
  readonly revisions = new Map<string, number>();
  /** Kernels that were started here and not removed since, with their sessions, as an agent keeps them on disk. */
  readonly started = new Map<string, string>();
  /** Containers that ended by themselves and were removed; until `be-gone` they are not started again. */
  readonly removed = new Map<string, Container>();
  readonly onStart: (start: Start) => void;

  constructor(onStart: (start: Start) => void) {
    this.onStart = onStart;
  }

  /** The machine goes down and comes up again: what ran is gone, what was written is there. */
  losePower(): void {
    this.containers.clear();
  }
}

export interface ModelNodeParts {
  readonly name: string;
  readonly engine: ModelEngine;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly slots: Slots;
  /** How often a step of a start fails. */
  readonly failureRate: number;
  readonly signal: AbortSignal;
}

const VANISHED: KernelReport = {
  state: 'exited',
  exitCode: null,
  wasOutOfMemory: false,
  finishedAtMs: null,
  reason: 'container-not-found',
};

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
          slots: parts.slots,
          version: '1',
        },
      },
    }),
  );
  for (const [kernel, session] of parts.engine.started) void tellState(parts, kernel, session);
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
  const isFirst = !engine.started.has(kernel);
  const hasFailed = isFirst && 'spec' in wish && random.chance(parts.failureRate);
  if ((wish.shall === 'be-prepared' && !engine.removed.has(kernel)) || hasFailed) {
    const step = wish.shall === 'run' ? 'start' : 'pull';
    const code = random.chance(0.8) ? 'engine-unavailable' : 'image-not-found';
    const report: KernelReport = hasFailed
      ? { state: 'failed', step, code, message: 'scripted' }
      : { state: 'prepared' };
    await tell(parts, { kernel, session, revision: wish.revision, report });
    return;
  }
  if (wish.shall === 'run' && isFirst) start(parts, { kernel, session, revision: wish.revision });
  if (wish.shall === 'be-gone') {
    const report = reportOf(engine, kernel);
    engine.containers.delete(kernel);
    engine.started.delete(kernel);
    engine.removed.delete(kernel);
    await tell(parts, { kernel, session, revision: wish.revision, report });
    return;
  }
  await tellState(parts, kernel, session);
}

function start(parts: ModelNodeParts, { kernel, session, revision }: Start): void {
  const { engine, clock, random } = parts;
  engine.onStart({ kernel, session, revision });
  engine.started.set(kernel, session);
  const exitCode = random.chance(0.8) ? 0 : 1;
  const container: Container = { session, state: 'running', exitCode, isToldToRun: false };
  engine.containers.set(kernel, container);
  if (!random.chance(0.7)) return;
  // The program ends by itself, whether its agent lives or not; a living one tells at once.
  void clock.sleep(random.between(100, 60_000)).then(() => {
    container.state = 'exited';
    if (!parts.signal.aborted && engine.containers.has(kernel))
      void tellState(parts, kernel, session);
  });
}

/** What is so, as of the newest wish. */
async function tellState(parts: ModelNodeParts, kernel: string, session: string): Promise<void> {
  const revision = parts.engine.revisions.get(kernel) ?? 0;
  const { containers, removed } = parts.engine;
  const container = containers.get(kernel) ?? removed.get(kernel);
  if (container === undefined) {
    await tell(parts, { kernel, session, revision, report: reportOf(parts.engine, kernel) });
    return;
  }
  const about = { kernel, session: container.session, revision };
  const ran = { containerId: `of-${kernel}`, startedAtMs: 0 };
  if (container.state === 'running') {
    await tell(parts, { ...about, report: { state: 'running', ...ran } });
    container.isToldToRun = true;
    return;
  }
  // An older agent tells both one after the other, and waits for the wish to be gone.
  if (parts.random.chance(0.3)) {
    await tell(parts, { ...about, report: { state: 'running', ...ran } });
    await tell(parts, { ...about, report: exitOf(container) });
    return;
  }
  containers.delete(kernel);
  removed.set(kernel, container);
  const report = { ...exitOf(container), isRemoved: true };
  await tell(parts, { ...about, report: container.isToldToRun ? report : { ...report, ran } });
}

/** What is so when nothing runs any more. */
function reportOf({ containers, removed, started }: ModelEngine, kernel: string): KernelReport {
  const container = containers.get(kernel) ?? removed.get(kernel);
  if (container !== undefined) return exitOf(container);
  return started.has(kernel) ? VANISHED : { state: 'absent' };
}

function exitOf({ exitCode }: Container): Extract<KernelReport, { state: 'exited' }> {
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
    bus.inbox.deliver({
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
