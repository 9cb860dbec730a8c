import { z } from 'zod';

const PORT_MAX = 65_535;

export const PortNumber = z.int().min(1).max(PORT_MAX);

/**
 * A connection to what listens at a port inside a kernel, also on its loopback only. Answered with `connected`, then
 * with what comes from there; what goes there are `input` frames, and either side may end before the other.
 */
export const PortRequest = z.object({
  kind: z.literal('port'),
  kernel: z.uuid(),
  port: PortNumber,
});
export type PortRequest = Readonly<z.infer<typeof PortRequest>>;
