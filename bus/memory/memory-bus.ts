import type { Bus, SetAside, SetAsideCommand, SnapshotStore } from '../bus.ts';
import type { Clock } from '../clock.ts';
import { COMMANDS_WAITING_MAX } from '../inbox-limit.ts';
import { subjects } from '../subjects.ts';
import { Carrier, type Faults } from './faults.ts';
import { AskRoom } from './memory-asking.ts';
import {
  AlarmClock,
  createMemoryAgentInbox,
  createMemoryAlarms,
  createMemoryInbox,
} from './memory-inboxes.ts';
import { createMemoryKeyValues, MemoryEntries } from './memory-key-values.ts';
import { createMemoryLive, LiveRoom } from './memory-live.ts';
import { createMemoryLog } from './memory-log.ts';
import { MemoryStream, type StoredMessage } from './memory-stream.ts';
import { Replies } from './replies.ts';

const PARTITIONS = 8;

export interface MemoryBusOptions {
  readonly clock: Clock;
  /** Default 8. */
  readonly partitions?: number;
  /** As in the settings. */
  readonly commandsWaitingMax?: number;
  readonly faults?: Faults;
  /** Told of each message in the moment it lies in its stream. */
  readonly observe?: (stream: StreamName, message: StoredMessage) => void;
}

export type StreamName = 'events' | 'commands' | 'wishes';

/**
 * What is stored and who is connected: the server of the memory bus. Disposing of it clears the alarms
 * that are still set, so that no timer of the clock is left.
 */
export interface MemoryBroker extends Disposable {
  /** A connection of its own; disposing it is the sudden death of its owner, what is stored stays. */
  connect(): Bus;
}

/** The ports of the bus in memory, driven by the given clock. Deterministic: the same calls, the same order. */
export function createMemoryBroker(options: MemoryBusOptions): MemoryBroker {
  const { clock, partitions = PARTITIONS, faults = {} } = options;
  const { commandsWaitingMax = COMMANDS_WAITING_MAX } = options;
  const streamOf = (name: StreamName): MemoryStream =>
    new MemoryStream(clock, (message) => options.observe?.(name, message));
  const events = streamOf('events');
  const commands = streamOf('commands');
  const wishes = streamOf('wishes');
  const entries = new MemoryEntries(clock);
  const snapshots = new Map<string, Snapshot>();
  const setAside = new Map<string, SetAsideCommand>();
  const alarms = new AlarmClock();
  const room = new LiveRoom();
  const replies = new Replies();
  const asks = new AskRoom();
  return {
    connect: () => {
      const closing = new AbortController();
      const carrier = new Carrier(clock, faults, closing.signal);
      const config = createMemoryKeyValues(entries, carrier);
      const inbox = { stream: commands, carrier };
      return {
        log: createMemoryLog({ stream: events, carrier }),
        inbox: createMemoryInbox(inbox, { config, replies, asks, partitions, commandsWaitingMax }),
        agents: createMemoryAgentInbox({ stream: wishes, carrier }, config),
        alarms: createMemoryAlarms(inbox, alarms, partitions),
        snapshots: createMemorySnapshots(snapshots, carrier),
        live: createMemoryLive({ room, replies, carrier }),
        config,
        setAside: createMemorySetAside(setAside, carrier),
        flush: () => carrier.ask(() => undefined),
        [Symbol.asyncDispose]: async () => closing.abort(),
      };
    },
    [Symbol.dispose]: () => {
      alarms.clearAll();
      entries.end();
    },
  };
}

/** One connection to a broker of its own, which ends with it. */
export function createMemoryBus(options: MemoryBusOptions): Bus {
  const broker = createMemoryBroker(options);
  const bus = broker.connect();
  return {
    ...bus,
    [Symbol.asyncDispose]: async () => {
      await bus[Symbol.asyncDispose]();
      broker[Symbol.dispose]();
    },
  };
}

interface Snapshot {
  readonly sequence: number;
  readonly body: string;
}

function createMemorySnapshots(kept: Map<string, Snapshot>, carrier: Carrier): SnapshotStore {
  return {
    load: (aggregate, id) => carrier.ask(() => kept.get(subjects.snapshot(aggregate, id, 0))),
    save: async (aggregate, id, { sequence, body }) => {
      const whole = typeof body === 'string' ? body : [...body].join('');
      await carrier.ask(() => {
        kept.set(subjects.snapshot(aggregate, id, 0), { sequence, body: whole });
      });
    },
  };
}

function createMemorySetAside(kept: Map<string, SetAsideCommand>, carrier: Carrier): SetAside {
  return {
    put: (command) =>
      carrier.ask(() => {
        kept.set(command.id, command);
      }),
    list: () => carrier.ask(() => [...kept.values()]),
    find: (id) => carrier.ask(() => kept.get(id)),
    remove: (id) =>
      carrier.ask(() => {
        kept.delete(id);
      }),
    count: () => carrier.ask(() => kept.size),
  };
}
