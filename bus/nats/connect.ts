import type { Bus } from '../bus.ts';
import { type Clock, steadyClock } from '../clock.ts';
import { COMMANDS_WAITING_MAX } from '../inbox-limit.ts';
import { createLogger, type Logger } from '../logger.ts';
import type { Settings } from '../settings.ts';
import { createAgentInbox } from './agent-inbox.ts';
import { createAlarms } from './alarms.ts';
import { credentialOptions } from './credentials.ts';
import { createEventLog } from './event-log.ts';
import { createInbox } from './inbox.ts';
import { createInboxGauge } from './inbox-gauge.ts';
import { createKeyValues } from './key-values.ts';
import { Link } from './link.ts';
import { createLiveChannel } from './live-channel.ts';
import { ensureStreams, expectStreams } from './server-streams.ts';
import { createSetAside } from './set-aside-store.ts';
import { createSnapshotStore } from './snapshot-store.ts';

/**
 * Connects to JetStream, makes the streams that are missing, and stays connected until disposed of.
 * `name` is what the server calls this client: letters, digits, - and _.
 * @throws {SettingsInvalid} when a file with a credential cannot be read.
 * @throws {BusRefused} when the server refuses the credentials.
 * @throws {BusUnavailable} when no server answers within 30 seconds.
 */
export async function connectBus(
  settings: Settings['bus'],
  options: { readonly name: string; readonly clock?: Clock; readonly logger?: Logger },
): Promise<Bus> {
  const { name, clock = steadyClock } = options;
  const logger = options.logger ?? createLogger({ name, level: 'warn' });
  const { servers, partitions, replicas } = settings;
  const credentials = credentialOptions(settings);
  const link = await Link.open({ servers, credentials, name, clock, logger });
  try {
    if (settings.streams === 'expect') await expectStreams(link);
    else await ensureStreams(link, replicas);
  } catch (error) {
    await link.close();
    throw error;
  }
  const config = createKeyValues(link);
  const gauge = createInboxGauge(link, settings.commandsWaitingMax ?? COMMANDS_WAITING_MAX);
  return {
    log: createEventLog(link, { isReplicated: replicas > 1 }),
    inbox: createInbox(link, { config, gauge, partitions }),
    agents: createAgentInbox(link, config),
    alarms: createAlarms(link, partitions),
    snapshots: createSnapshotStore(link),
    live: createLiveChannel(link),
    config,
    setAside: createSetAside(link),
    flush: () => {
      link.flush();
      return link.exchange('take what was sent', () => link.guarded(link.connection.flush()));
    },
    [Symbol.asyncDispose]: () => link.close(),
  };
}
