import { createMemoryBroker, systemClock } from '@orrery/bus';
import { alarmContract } from '../../contract/bus/alarms.ts';
import { duplexContract } from '../../contract/bus/duplex.ts';
import { eventLogContract } from '../../contract/bus/event-log.ts';
import type { BusHarness } from '../../contract/bus/harness.ts';
import { agentInboxContract, inboxContract } from '../../contract/bus/inboxes.ts';
import { liveChannelContract } from '../../contract/bus/live-channel.ts';
import { keyValuesContract, snapshotContract } from '../../contract/bus/stores.ts';

async function start(): Promise<BusHarness> {
  const broker = createMemoryBroker({ clock: systemClock });
  return { connect: async () => broker.connect(), stop: async () => broker[Symbol.dispose]() };
}

eventLogContract('memory', start);
inboxContract('memory', start);
agentInboxContract('memory', start);
alarmContract('memory', start);
snapshotContract('memory', start);
keyValuesContract('memory', start);
liveChannelContract('memory', start);
duplexContract('memory', start);
