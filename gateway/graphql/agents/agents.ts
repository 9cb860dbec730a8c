import type { AgentRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';

const Arguments = z.strictObject(pageArguments);

export async function agents(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const page = parseArguments(Arguments, unparsed);
  authoriseSignedIn(caller, 'Query.agents');
  return shapeConnection(await gateway.projections.listNodes(page), shapeAgent);
}

function shapeAgent(row: AgentRow): object {
  return {
    id: row.id,
    status: row.status,
    isSchedulable: row.isSchedulable,
    driver: row.driver,
    architecture: row.architecture,
    resourceGroup: row.resourceGroup,
    version: row.version,
    availableSlots: row.availableSlots,
    occupiedSlots: row.occupiedSlots,
    liveKernels: row.liveKernels,
    registeredAt: row.registeredAtMs,
    lostAt: row.lostAtMs,
    liveStat: (_unparsed: unknown, { gateway }: GatewayContext) => {
      const told = gateway.statistics.findNode(row.id);
      return told === undefined ? null : { node: told.metrics, devices: told.devices };
    },
  };
}
