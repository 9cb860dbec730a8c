export { NvmlClosed, NvmlFailed, NvmlHung, NvmlWatched } from './nvml/errors.ts';
export {
  type GpuAncestor,
  type GpuDevice,
  type GpuEvent,
  type GpuPair,
  type GpuProcess,
  type GpuReading,
  type GpuTopology,
  type MigDevice,
  type NvLink,
  type Nvml,
  type NvmlAvailability,
  type NvmlFault,
  type NvmlOptions,
  openNvml,
  type ThrottleReason,
  type UnreadableGpu,
} from './nvml/nvml.ts';
