import { type LiveChannel, subjects } from '@orrery/bus';
import { z } from 'zod';

/** How long a rebuild of the whole log may take. */
export const REBUILD_MS_MAX = 30 * 60 * 1000;

/** What a comparison of the live rows with rows rebuilt from the log found. */
export const ProjectionReport = z.object({
  /** Log sequence at which they were compared. */
  sequence: z.int(),
  events: z.int(),
  isEqual: z.boolean(),
  /** Tables that differ. Missing: only rebuilt; unexpected: only live. */
  differences: z.array(
    z.object({ table: z.string(), missing: z.int(), unexpected: z.int(), changed: z.int() }),
  ),
  durationMs: z.number(),
});
export type ProjectionReport = Readonly<z.infer<typeof ProjectionReport>>;

export const ProjectorRequest = z.object({ operation: z.enum(['rebuild', 'verify']) });
export type ProjectorRequest = Readonly<z.infer<typeof ProjectorRequest>>;

export const ProjectorAnswer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: ProjectionReport }),
  z.object({ ok: z.literal(false), error: z.object({ code: z.string(), message: z.string() }) }),
]);
export type ProjectorAnswer = Readonly<z.infer<typeof ProjectorAnswer>>;

/**
 * Has the projector compare its tables with rebuilt ones and, on `rebuild`, put those in their place.
 * Refused: `rebuild-failed`, `projector-unavailable`. @throws {BusUnavailable} when no projector answers within `REBUILD_MS_MAX`.
 */
export async function requestReport(
  live: LiveChannel,
  operation: ProjectorRequest['operation'],
): Promise<ProjectorAnswer> {
  return ProjectorAnswer.parse(
    await live.request(subjects.projector, { operation }, REBUILD_MS_MAX),
  );
}
