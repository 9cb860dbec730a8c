import {
  type AggregateName,
  type Bus,
  type Commit,
  derivedId,
  type EventLog,
  known,
  RevisionConflict,
} from '@orrery/bus';
import { aggregates } from '../../actors/control/aggregates.ts';
import type { Outgoing } from '../../actors/runtime/aggregate.ts';
import { absent, replay } from '../../actors/runtime/turn.ts';
import type { Defect } from './cluster.ts';

const DROPPED_ALARMS = 0.25;

/** Deliberately broken builds: what stands between a control host and the bus does one thing wrong. */
export const defects = {
  /** The log takes every commit, whoever came first. */
  'conflict-check-off': (bus) => ({ ...bus, log: withoutConflictCheck(bus.log) }),
  /** What a commit leads to is sent before the commit is made. */
  'effect-before-commit': (bus) => {
    const append: EventLog['append'] = async (commit, expectedSequence) => {
      await sendEffects(bus, commit, expectedSequence);
      return bus.log.append(commit, expectedSequence);
    };
    return { ...bus, log: { ...bus.log, append } };
  },
  /** Some timers are said to be set and are not. */
  'timer-dropped': (bus, { random }) => {
    const set: Bus['alarms']['set'] = async (envelope, atMs) => {
      if (!random.chance(DROPPED_ALARMS)) await bus.alarms.set(envelope, atMs);
    };
    return { ...bus, alarms: { ...bus.alarms, set } };
  },
} satisfies Record<string, Defect>;
export type DefectName = keyof typeof defects;

function withoutConflictCheck(log: EventLog): EventLog {
  return {
    ...log,
    append: async (commit, expectedSequence) => {
      for (let place = expectedSequence; ; ) {
        try {
          return await log.append(commit, place);
        } catch (error) {
          if (!(error instanceof RevisionConflict)) throw error;
          place = await newestOf(log, commit.aggregate, commit.aggregateId);
        }
      }
    },
  };
}

async function newestOf(log: EventLog, aggregate: AggregateName, id: string): Promise<number> {
  let newest = 0;
  for await (const { sequence } of log.read(aggregate, id)) newest = sequence;
  return newest;
}

async function sendEffects(bus: Bus, commit: Commit, expectedSequence: number): Promise<void> {
  const { id, recordedAtMs } = commit;
  for (const [index, message] of (await outgoingOf(bus, commit, expectedSequence)).entries()) {
    const messageId = derivedId(id, String(index));
    if (message.to === 'agent') {
      const { node, key, wish } = message;
      await bus.agents.send({ node, key, id: messageId, wish });
    } else {
      await bus.inbox.send({
        id: messageId,
        aggregate: message.aggregate,
        aggregateId: message.id,
        actor: { kind: 'system', id: 'control' },
        sentAtMs: recordedAtMs,
        command: message.command,
      });
    }
  }
}

/** What a host would send after the commit, from the log as it is before. */
async function outgoingOf(
  bus: Bus,
  commit: Commit,
  expectedSequence: number,
): Promise<readonly Outgoing[]> {
  const aggregate = known(aggregates.find(({ name }) => name === commit.aggregate));
  const held = absent(aggregate, commit.aggregateId);
  for await (const recorded of bus.log.read(commit.aggregate, commit.aggregateId))
    if (recorded.sequence <= expectedSequence) replay(aggregate, held, recorded);
  replay(aggregate, held, { ...commit, sequence: expectedSequence, hash: '' });
  return held.speeches.flatMap(({ outgoing }) => outgoing);
}
