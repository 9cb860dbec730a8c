import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { BusUnavailable } from '../errors.ts';
import { streams, subjects } from '../subjects.ts';
import type { Link } from './link.ts';

const DUPLICATE_WINDOW_MS = 120_000;
/** What is deleted or expires leaves a marker for this long, so that watchers hear of it. */
export const DELETE_MARKER_MS = 60_000;
/** What is not there yet is looked for again after this time, and until then. */
const STREAMS_PERIOD_MS = 250;
const STREAMS_MS_MAX = 30_000;
const MESSAGE_SIZE_BYTES_MAX = 1_048_576;
/** At this many no more are set aside; each is then tried again until there is room. */
const SET_ASIDE_COMMANDS_MAX = 10_000;
const VALUE_BYTES_MAX = 65_536;

type NamedConfig = Partial<StreamConfig> & Pick<StreamConfig, 'name'>;

/** The stream behind the key-value bucket, and the prefix of its subjects. */
export const configStream = `KV_${streams.config}`;
export const configSubject = (key: string): string => `$KV.${streams.config}.${key}`;

/** Makes the streams, or brings them to this shape. Idempotent, also with others doing the same. */
export async function ensureStreams(link: Link, replicas: number): Promise<void> {
  await Promise.all(configurations(replicas).map((config) => ensureStream(link, config)));
}

/** Waits until another process has made them. @throws {BusUnavailable} when none has in 30 seconds. */
export async function expectStreams(link: Link): Promise<void> {
  const deadlineMs = link.clock.nowMs() + STREAMS_MS_MAX;
  for (;;) {
    try {
      await link.exchange('find its streams', () =>
        link.call(`$JS.API.STREAM.INFO.${streams.agent}`, ''),
      );
      return;
    } catch (cause) {
      if (!isStreamMissing(cause)) throw cause;
      if (link.clock.nowMs() > deadlineMs)
        throw new BusUnavailable('have its streams yet: a control process makes them', { cause });
    }
    await link.clock.sleep(STREAMS_PERIOD_MS);
  }
}

async function ensureStream(link: Link, config: NamedConfig): Promise<void> {
  await link.exchange(`make the stream ${config.name}`, () =>
    link.guarded(ensureStreamOnce(link, config)),
  );
}

async function ensureStreamOnce(link: Link, config: NamedConfig): Promise<void> {
  const { streams: api } = link.manager;
  try {
    await api.info(config.name);
  } catch (error) {
    if (!isStreamMissing(error)) throw error;
    await api.add(config);
    return;
  }
  const { name, retention: _retention, storage: _storage, ...updatable } = config;
  await api.update(name, updatable);
}

function isStreamMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound;
}

function configurations(replicas: number): readonly NamedConfig[] {
  const common = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    max_msg_size: MESSAGE_SIZE_BYTES_MAX,
    num_replicas: replicas,
    allow_direct: true,
    allow_atomic: true,
  };
  return [
    {
      ...common,
      name: streams.events,
      description: 'the log: one message a commit',
      subjects: ['evt.>'],
    },
    {
      ...common,
      name: streams.inbox,
      description: 'commands to the control plane, and its timers',
      subjects: ['inbox.>', 'timer.>'],
      allow_rollup_hdrs: true,
      allow_msg_ttl: true,
      allow_msg_schedules: true,
    },
    {
      ...common,
      name: streams.agent,
      description: 'wishes to the nodes',
      subjects: ['agent.>'],
    },
    {
      ...common,
      name: streams.snapshots,
      description: 'folded state of aggregates',
      subjects: ['snap.>'],
      max_msgs_per_subject: 1,
    },
    {
      ...common,
      name: streams.setAside,
      description: 'commands that no try could take',
      subjects: [subjects.allSetAside],
      discard: DiscardPolicy.New,
      max_msgs: SET_ASIDE_COMMANDS_MAX,
      max_msgs_per_subject: 1,
    },
    {
      ...common,
      name: configStream,
      description: 'cluster configuration, leases and checkpoints',
      subjects: [configSubject('>')],
      discard: DiscardPolicy.New,
      max_msgs_per_subject: 1,
      max_msg_size: VALUE_BYTES_MAX,
      allow_rollup_hdrs: true,
      deny_delete: true,
      allow_msg_ttl: true,
      subject_delete_marker_ttl: nanos(DELETE_MARKER_MS),
    },
  ];
}
