import { type AuditReport, sequenceBefore, verifyArchivedLog } from '@orrery/bus';
import { z } from 'zod';
import { ENTITY_CHARACTERS_MAX, parseEntity } from '../../audit/entity.ts';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import type { Gateway } from '../../gateway.ts';
import { parseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';

const Arguments = z.strictObject({
  entity: z.string().max(ENTITY_CHARACTERS_MAX).optional(),
  since: z.number().optional(),
});

export async function verifyAudit(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const { entity, since } = parseArguments(Arguments, unparsed);
  authoriseSignedIn(caller, 'Query.verifyAudit');
  const of = parseEntity(entity);
  using _reading = gateway.readings.begin();
  const beganAtMs = gateway.clock.nowMs();
  const report = await verify(gateway, of, since);
  return shapeReport(report, gateway.clock.nowMs() - beganAtMs);
}

/** The witness is asked up to where it was at the beginning, and the log at least as far. */
async function verify(
  { bus, projections }: Gateway,
  entity: ReturnType<typeof parseEntity>,
  since: number | undefined,
): Promise<AuditReport> {
  const afterSequence = since === undefined ? 0 : await sequenceBefore(bus.log, since);
  const horizon = await projections.checkpoint();
  return await verifyArchivedLog(bus.log, {
    ...entity,
    afterSequence,
    witness: {
      commits: projections.witnesses({ ...entity, afterSequence, upToSequence: horizon }),
      horizon,
    },
  });
}

export function shapeReport({ faults, ...report }: AuditReport, durationMs: number): object {
  return {
    ...report,
    durationMs,
    faults: faults.map(({ aggregate, aggregateId, ...fault }) => ({
      ...fault,
      entity: aggregate ?? null,
      entityId: aggregateId ?? null,
      segment: fault.segment ?? null,
    })),
  };
}
