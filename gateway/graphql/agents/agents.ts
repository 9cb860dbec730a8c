import type { AgentRow, DeviceHolder } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { toEnum } from '../enum-words.ts';
import { shapeDevices } from './agent-devices.ts';

const Arguments = z.strictObject(pageArguments);

export async function agents(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const page = parseArguments(Arguments, unparsed);
  const signedIn = authoriseSignedIn(caller, 'Query.agents');
  const visibility = visibilityOf(signedIn, 'Query.sessions');
  const { projections } = gateway;
  const listed = await projections.listNodes(page);
  // One question for the whole page, and none when nobody asks for devices.
  let asked: Promise<readonly DeviceHolder[]> | undefined;
  const holders = (): Promise<readonly DeviceHolder[]> => {
    const rows = listed.ok ? listed.value.edges.map(({ row }) => row) : [];
    const ids = rows.filter(({ devices }) => devices.length > 0).map(({ id }) => id);
    asked ??= ids.length === 0 ? Promise.resolve([]) : projections.deviceHolders(ids, visibility);
    return asked;
  };
  return shapeConnection(listed, (row) => shapeAgent(row, holders));
}

function shapeAgent(row: AgentRow, holders: () => Promise<readonly DeviceHolder[]>): object {
  return {
    id: row.id,
    status: row.status,
    isSchedulable: row.isSchedulable && !row.isTroubled,
    troubles: row.troubles.map(({ code, message, sinceMs, kernel = null }) => ({
      code: toEnum(code),
      message,
      since: sinceMs,
      kernelId: kernel,
    })),
    driver: row.driver,
    architecture: row.architecture,
    resourceGroup: row.resourceGroup,
    version: row.version,
    availableSlots: row.availableSlots,
    occupiedSlots: row.occupiedSlots,
    devices: async () => shapeDevices(row, await holders()),
    liveKernels: row.liveKernels,
    registeredAt: row.registeredAtMs,
    lostAt: row.lostAtMs,
    liveStat: (_unparsed: unknown, { gateway }: GatewayContext) => {
      const told = gateway.statistics.findNode(row.id);
      return told === undefined ? null : { node: told.metrics, devices: told.devices };
    },
  };
}
