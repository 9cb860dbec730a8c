import { createMemoryBroker, systemClock } from '@orrery/bus';
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

/** More than any test lets wait but the one that reaches it. */
const COMMANDS_WAITING_MAX = 300;

async function start(): Promise<BusHarness> {
  const broker = createMemoryBroker({
    clock: systemClock,
    commandsWaitingMax: COMMANDS_WAITING_MAX,
  });
  return { connect: async () => broker.connect(), stop: async () => broker[Symbol.dispose]() };
}

eventLogContract('memory', start);
inboxContract('memory', start);
askingContract('memory', start);
overloadContract('memory', start, COMMANDS_WAITING_MAX);
agentInboxContract('memory', start);
alarmContract('memory', start);
snapshotContract('memory', start);
keyValuesContract('memory', start);
setAsideContract('memory', start);
liveChannelContract('memory', start);
duplexContract('memory', start);
