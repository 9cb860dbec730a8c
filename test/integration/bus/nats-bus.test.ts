import { connectBus } from '@orrery/bus';
import { alarmContract } from '../../contract/bus/alarms.ts';
import { askingContract } from '../../contract/bus/asking.ts';
import { duplexContract } from '../../contract/bus/duplex.ts';
import { eventLogContract } from '../../contract/bus/event-log.ts';
import type { BusHarness } from '../../contract/bus/harness.ts';
import { agentInboxContract, inboxContract, overloadContract } from '../../contract/bus/inboxes.ts';
import { liveChannelContract } from '../../contract/bus/live-channel.ts';
import {
  keyValuesContract,
  setAsideContract,
  snapshotContract,
} from '../../contract/bus/stores.ts';
import { startNats } from '../../environment/nats.ts';

/** More than any test lets wait but the one that reaches it. */
const COMMANDS_WAITING_MAX = 300;

async function start(): Promise<BusHarness> {
  const { servers, user, password, stop } = await startNats();
  const settings = {
    servers: [...servers],
    user,
    password,
    replicas: 1,
    partitions: 8,
    commandsWaitingMax: COMMANDS_WAITING_MAX,
  };
  return { connect: () => connectBus(settings, { name: 'test' }), stop };
}

eventLogContract('nats', start);
inboxContract('nats', start);
askingContract('nats', start);
overloadContract('nats', start, COMMANDS_WAITING_MAX);
agentInboxContract('nats', start);
alarmContract('nats', start);
snapshotContract('nats', start);
keyValuesContract('nats', start);
setAsideContract('nats', start);
liveChannelContract('nats', start);
duplexContract('nats', start);
