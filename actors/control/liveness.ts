import {
  agentLive,
  type Bus,
  type Clock,
  derivedId,
  HEARTBEAT_PERIOD_MS,
  HEARTBEAT_TIMEOUT_MS,
  Heartbeat,
  type NodeCommand,
  type NodeEvent,
  type RecordedCommit,
} from '@orrery/bus';
import type { Logger } from 'pino';

interface Seen {
  status: 'alive' | 'lost' | 'terminated';
  /** Clock time of the newest heartbeat, or of the moment from which one was waited for. */
  atMs: number;
  /** Changes of status so far; names the command that reports the next. */
  changes: number;
}

interface Watch {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Hears the heartbeats of all nodes and tells a node's actor when they stop or come again. Whether that
 * changes anything is the actor's decision.
 */
export async function watchNodes(watch: Watch, signal: AbortSignal): Promise<void> {
  const nodes = new Map<string, Seen>();
  await Promise.all([
    followNodes(watch, nodes, signal),
    hearHeartbeats(watch, nodes, signal),
    missHeartbeats(watch, nodes, signal),
  ]);
}

async function followNodes(
  { bus, clock }: Watch,
  nodes: Map<string, Seen>,
  signal: AbortSignal,
): Promise<void> {
  for await (const commits of bus.log.follow({ afterSequence: 0, aggregate: 'node', signal })) {
    for (const commit of commits as readonly RecordedCommit<NodeEvent>[]) {
      for (const event of commit.events) {
        const seen = nodes.get(commit.aggregateId) ?? {
          status: 'alive',
          atMs: clock.nowMs(),
          changes: 0,
        };
        nodes.set(commit.aggregateId, changed(seen, event, clock.nowMs()));
      }
    }
  }
}

function changed(seen: Seen, event: NodeEvent, nowMs: number): Seen {
  const changes = seen.changes + 1;
  switch (event.type) {
    case 'node-lost':
      return { ...seen, status: 'lost', changes };
    case 'node-terminated':
      return { ...seen, status: 'terminated', changes };
    case 'node-registered':
    case 'node-returned':
      return { status: 'alive', atMs: nowMs, changes };
    default:
      return seen;
  }
}

async function hearHeartbeats(
  watch: Watch,
  nodes: Map<string, Seen>,
  signal: AbortSignal,
): Promise<void> {
  for await (const { body } of watch.bus.live.subscribe(agentLive.heartbeats, signal)) {
    const heartbeat = Heartbeat.safeParse(body);
    if (!heartbeat.success) {
      watch.logger.warn({ body }, 'a heartbeat nobody can read is dropped');
      continue;
    }
    const { node } = heartbeat.data;
    const seen = nodes.get(node);
    if (seen === undefined) continue;
    seen.atMs = watch.clock.nowMs();
    if (seen.status === 'lost') await tell(watch, { node, seen, command: { type: 'return' } });
  }
}

async function missHeartbeats(
  watch: Watch,
  nodes: Map<string, Seen>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await watch.clock.sleep(HEARTBEAT_PERIOD_MS, signal).catch(() => undefined);
    const nowMs = watch.clock.nowMs();
    for (const [node, seen] of nodes) {
      if (seen.status !== 'alive' || nowMs - seen.atMs < HEARTBEAT_TIMEOUT_MS) continue;
      await tell(watch, { node, seen, command: { type: 'lose', lastSeenAtMs: seen.atMs } });
    }
  }
}

/** The same id until the status has changed, so that telling again is met as a double. */
async function tell(
  { bus, clock, logger }: Watch,
  {
    node,
    seen,
    command,
  }: { readonly node: string; readonly seen: Seen; readonly command: NodeCommand },
): Promise<void> {
  const nowMs = clock.nowMs();
  try {
    await bus.inbox.send({
      id: derivedId('liveness', node, command.type, String(seen.changes), String(seen.atMs)),
      aggregate: 'node',
      aggregateId: node,
      actor: { kind: 'system', id: 'liveness' },
      sentAtMs: nowMs,
      command,
    });
    logger.info({ node, command: command.type }, 'the heartbeats of a node changed');
  } catch (error) {
    logger.warn({ err: error, node }, 'a change of heartbeats waits for the bus');
  }
}
