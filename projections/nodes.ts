import { keepsSessionsAway, type NodeEvent, type NodeFacts, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { NodeRow } from './rows.ts';

/** What one event does to the row of a node; undefined stands for one of an unknown type. */
export function projectNode(
  row: NodeRow | undefined,
  event: NodeEvent | undefined,
  at: Moment,
): NodeRow | undefined {
  if (event?.type === 'node-registered') {
    return {
      id: at.id,
      ...ALIVE,
      isSchedulable: row?.isSchedulable ?? true,
      ...columnsOf(event.facts),
      registeredAtMs: row?.registeredAtMs ?? instantMs(at.recordedAtMs),
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(event, at)), ...placeOf(at) };
}

const ALIVE = { status: 'ALIVE', lostAtMs: null, statusInfo: null } as const;

function changeOf(
  event: Exclude<NodeEvent, { readonly type: 'node-registered' }>,
  at: Moment,
): Partial<NodeRow> {
  switch (event.type) {
    case 'node-facts-changed':
      return columnsOf(event.facts);
    case 'node-lost':
      return { status: 'LOST', lostAtMs: instantMs(event.lastSeenAtMs ?? at.recordedAtMs) };
    case 'node-returned':
      return ALIVE;
    case 'node-terminated':
      return { status: 'TERMINATED', statusInfo: event.reason };
    case 'node-schedulable-set':
      return { isSchedulable: event.isSchedulable };
    case 'node-drain-begun':
      return { isSchedulable: false };
    case 'node-drain-due':
      return {};
    default:
      return unreachable(event);
  }
}

function columnsOf({ slots, devices = [], troubles = [], ...facts }: NodeFacts) {
  const { driver, architecture, resourceGroup, version } = facts;
  const place = { driver, architecture, resourceGroup, version };
  const isTroubled = troubles.some(keepsSessionsAway);
  return { ...place, availableSlots: slots, devices, troubles: [...troubles], isTroubled };
}
