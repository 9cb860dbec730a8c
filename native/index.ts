export { NvmlClosed, NvmlFailed, NvmlHung } from './nvml/errors.ts';
export {
  type GpuDevice,
  type GpuProcess,
  type GpuReading,
  type Nvml,
  type NvmlAvailability,
  type NvmlFault,
  type NvmlOptions,
  openNvml,
} from './nvml/nvml.ts';
