import type { KernelSpec } from '@orrery/bus';
import { z } from 'zod';

/** Variable of a kernel's environment that tells how it behaves: a JSON object of these. */
export const SIMULATION_VARIABLE = 'ORRERY_SIMULATION';

/** What a simulated kernel does. Times are of the clock it runs on. */
export const Simulation = z.object({
  pullMs: z.number().min(0).default(0),
  startMs: z.number().min(0).default(0),
  /** Null: until it is stopped. Absent: at once for a batch session, never for an interactive one. */
  runMs: z.number().min(0).nullable().optional(),
  exitCode: z.int().default(0),
  wasOutOfMemory: z.boolean().default(false),
  stdout: z.string().default(''),
  stderr: z.string().default(''),
  /** The step of the start that fails. */
  failsAt: z.enum(['prepare', 'pull', 'create', 'start']).optional(),
  /** Time it takes to end when asked; longer than the grace: it is killed. */
  stopMs: z.number().min(0).default(0),
  /** Share of its cores and its memory that it uses. */
  load: z.number().min(0).max(1).default(0.5),
});
export type Simulation = Readonly<z.infer<typeof Simulation>>;

/** What is written in the environment. Made once: making a schema costs far more than using it. */
const Written = Simulation.partial();

/** What the kernel's environment says, over the driver's defaults. @throws when it says nonsense. */
export function simulationOf(spec: KernelSpec, defaults: Partial<Simulation>): Simulation {
  const written: unknown = JSON.parse(spec.environ[SIMULATION_VARIABLE] ?? '{}');
  const told = Written.parse(written);
  return Simulation.parse({
    runMs: spec.sessionType === 'batch' ? 0 : null,
    ...defaults,
    ...told,
  });
}
