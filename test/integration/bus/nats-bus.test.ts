import { connectBus } from '@orrery/bus';
import { alarmContract } from '../../contract/bus/alarms.ts';
import { duplexContract } from '../../contract/bus/duplex.ts';
import { eventLogContract } from '../../contract/bus/event-log.ts';
import type { BusHarness } from '../../contract/bus/harness.ts';
import { agentInboxContract, inboxContract } from '../../contract/bus/inboxes.ts';
import { liveChannelContract } from '../../contract/bus/live-channel.ts';
import { keyValuesContract, snapshotContract } from '../../contract/bus/stores.ts';
import { startNats } from '../../environment/nats.ts';

async function start(): Promise<BusHarness> {
  const { servers, user, password, stop } = await startNats();
  const settings = { servers: [...servers], user, password, replicas: 1, partitions: 8 };
  return { connect: () => connectBus(settings, { name: 'test' }), stop };
}

eventLogContract('nats', start);
inboxContract('nats', start);
agentInboxContract('nats', start);
alarmContract('nats', start);
snapshotContract('nats', start);
keyValuesContract('nats', start);
liveChannelContract('nats', start);
duplexContract('nats', start);
