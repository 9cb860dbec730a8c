import {
  type AggregateName,
  type Bus,
  BusUnavailable,
  type CommandEnvelope,
  createLogger,
  createMemoryBroker,
  type Outcome,
  type RecordedCommit,
  SCHEDULER_ID,
  SimulatedClock,
} from '@orrery/bus';
import { imageAggregate } from '../../../../actors/image/aggregate.ts';
import { nodeAggregate } from '../../../../actors/node/aggregate.ts';
import type { AnyAggregate } from '../../../../actors/runtime/aggregate.ts';
import { startHost } from '../../../../actors/runtime/host.ts';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import { enqueue, sessionId } from '../session/session-under-test.ts';

const LEASE_MS = 2_000;
/** A host has what a dead one of another name had. */
export const TAKEN_OVER_MS = LEASE_MS * 2;
const logger = createLogger({ name: 'test', level: 'silent' });
const ALL: readonly AnyAggregate[] = [
  sessionAggregate,
  schedulerAggregate,
  imageAggregate,
  nodeAggregate,
];

/** Hosts on a bus in memory, with people who ask. */
export class Stage {
  readonly clock = new SimulatedClock(1_700_000_000_000);
  /** Types of the commands that were put into inboxes. */
  readonly stored: string[] = [];
  readonly wishes: string[] = [];
  readonly broker = createMemoryBroker({
    clock: this.clock,
    partitions: 2,
    observe: (stream, { subject, body }) => {
      if (stream === 'wishes') this.wishes.push(subject);
      if (stream !== 'commands') return;
      const { command } = JSON.parse(Buffer.from(body).toString()) as CommandEnvelope;
      this.stored.push((command as { readonly type: string }).type);
    },
  });
  readonly bus = this.broker.connect();

  async start(
    name: string,
    {
      change = (bus) => bus,
      aggregates = ALL,
    }: {
      readonly change?: (bus: Bus) => Bus;
      readonly aggregates?: readonly AnyAggregate[];
    } = {},
  ): Promise<{ kill(): Promise<void> }> {
    const connection = this.broker.connect();
    const stop = new AbortController();
    const parts = { bus: change(connection), clock: this.clock, logger, aggregates, name };
    startHost({ ...parts, leaseMs: LEASE_MS }, stop.signal).done.catch(() => undefined);
    await this.clock.advance(100);
    return {
      kill: async () => {
        await connection[Symbol.asyncDispose]();
        stop.abort();
      },
    };
  }

  ask(
    about: Pick<CommandEnvelope, 'id' | 'aggregate' | 'aggregateId' | 'command' | 'againAfter'>,
  ): {
    outcome: Outcome | undefined;
  } {
    const answer: { outcome: Outcome | undefined } = { outcome: undefined };
    const actor = { kind: 'user', id: 'test' } as const;
    const envelope: CommandEnvelope = { ...about, actor, sentAtMs: this.clock.nowMs() };
    this.bus.inbox.request(envelope, new AbortController().signal).then(
      (outcome) => {
        answer.outcome = outcome;
      },
      () => undefined,
    );
    return answer;
  }

  create(): { readonly outcome: Outcome | undefined } {
    const place = { aggregate: 'session', aggregateId: sessionId } as const;
    return this.ask({ id: 'create', ...place, command: enqueue() });
  }

  joinNode(): { readonly outcome: Outcome | undefined } {
    const capacity = {
      node: 'node-a',
      resourceGroup: 'default',
      architecture: 'x86_64',
      slots: { cpu: '1000', mem: '8589934592' },
      isSchedulable: true,
    };
    const place = { aggregate: 'scheduler', aggregateId: SCHEDULER_ID } as const;
    return this.ask({ id: 'join', ...place, command: { type: 'update-node', capacity } });
  }

  async commits(
    aggregate: AggregateName = 'session',
    id: string = sessionId,
  ): Promise<readonly RecordedCommit[]> {
    const commits: RecordedCommit[] = [];
    for await (const commit of this.bus.log.read(aggregate, id)) commits.push(commit);
    return commits;
  }
}

/** Commits of the aggregate are never acknowledged, and never made. */
export const mute =
  (aggregate: string) =>
  (bus: Bus): Bus => ({
    ...bus,
    log: {
      ...bus.log,
      append: (commit, expected) =>
        commit.aggregate === aggregate
          ? Promise.reject(new BusUnavailable('append'))
          : bus.log.append(commit, expected),
    },
  });
