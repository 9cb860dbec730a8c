import { z } from 'zod';

/** What keeps the kernels on one device apart. `time-sharing`: nothing but turns; `pretended`: no device is there. */
export const DeviceIsolation = z.enum(['exclusive', 'mig', 'mps', 'time-sharing', 'pretended']);
export type DeviceIsolation = z.infer<typeof DeviceIsolation>;

/** An accelerator of a node, or a slice of one. Cores and memory are told as slots only. */
export const NodeDevice = z.object({
  /** Unique among the devices of its slot on its node. */
  id: z.string(),
  slot: z.string(),
  /** How much of the slot it is, as decimal text. */
  amount: z.string(),
  model: z.string(),
  memoryBytes: z.number(),
  numaNode: z.int().nullable(),
  isolation: DeviceIsolation,
});
export type NodeDevice = Readonly<z.infer<typeof NodeDevice>>;

/** What a kernel holds of one accelerator. */
export const HeldDevice = z.object({
  id: z.string(),
  slot: z.string(),
  amount: z.string(),
  model: z.string(),
  /** What it may use of the device's memory. */
  memoryBytes: z.number(),
});
export type HeldDevice = Readonly<z.infer<typeof HeldDevice>>;
