import { z } from 'zod';

const Size = z
  .string()
  .regex(/^\d+(\.\d+)?\s*[kmgtKMGT]?(i?[bB])?$/, 'a size is written as 512m or 2g');
const Quantum = z.string().regex(/^\d(\.\d{1,3})?$/, 'a quantum is a number such as 0.1');

/** How the devices of one accelerator plugin are given away. */
const AcceleratorSettings = z.strictObject({
  /** `discrete`: whole devices; `fractional`: shares of them. */
  allocationMode: z.enum(['discrete', 'fractional']).default('discrete'),
  /** Memory and processors that one share stands for. */
  unitMemory: Size.default('2g'),
  unitProcessors: z.int().min(2).default(8),
  /** Shares are given in multiples of it. */
  quantum: Quantum.default('0.1'),
  /** Memory of each device that its driver keeps; told to programs with `fractional`. */
  reservedMemory: Size.default('64m'),
  /** Ids of devices that are nobody's. */
  deviceMask: z.array(z.string()).default([]),
  /** `evenly`: over as many devices as it takes; `fill`: one device after the other. */
  spread: z.enum(['evenly', 'fill']).default('evenly'),
  /** Whether shares may lie unequally on more devices than they need. */
  isFragmentable: z.boolean().default(true),
  /** Where the MPS daemon listens that enforces shares; without one shares only take turns. */
  mpsPipeDirectory: z.string().startsWith('/').default('/tmp/nvidia-mps'),
});
export type AcceleratorSettings = Readonly<z.infer<typeof AcceleratorSettings>>;
export const DEFAULT_ACCELERATOR: AcceleratorSettings = AcceleratorSettings.parse({});

/** What of the machine an agent gives to kernels, and how. Unknown keys are refused. */
export const ComputeSettings = z.strictObject({
  /** Absent: all but pretended ones; of the simulated driver none. `cpu` and `mem` come with any. */
  plugins: z.array(z.enum(['cpu', 'mem', 'cuda', 'rocm', 'mock'])).optional(),
  /** Kinds of devices in the order of allocation; those not named come last. */
  allocationOrder: z.array(z.string()).default(['cuda', 'rocm', 'tpu', 'cpu', 'mem']),
  affinity: z.enum(['interleaved', 'prefer-single-node']).default('interleaved'),
  cpuOvercommit: z.int().min(1).max(10).default(1),
  memoryOvercommit: z.int().min(1).max(10).default(1),
  /** Whether a kernel keeps to cores of its own, besides its share of time. */
  isCpuPinned: z.boolean().default(true),
  /** Files as of Backend.AI's mock accelerator, one for each pretended kind of device. */
  mockFiles: z.array(z.string()).default([]),
  /** By the kind of device: `cuda`, or the `slot_name` of a mock file. */
  accelerators: z.record(z.string(), AcceleratorSettings).default({}),
});
export type ComputeSettings = Readonly<z.infer<typeof ComputeSettings>>;
export const DEFAULT_COMPUTE: ComputeSettings = ComputeSettings.parse({});
