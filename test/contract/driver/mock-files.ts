import { parseMockFile } from '../../../actors/agent/compute/mock-file.ts';

const FORMAT = (name: string, digits: number) =>
  `human_readable_name = "${name}"\ndescription = "Pretend"\ndisplay_unit = "${name}"\n` +
  `display_icon = "gpu1"\nnumber_format = { binary = false, round_length = ${digits} }\n`;

/** As a person writes it: so many devices, the first half on NUMA node 0. */
export function mockText(
  count: number,
  more: { readonly slotName?: string; readonly device?: string; readonly head?: string } = {},
): string {
  const { slotName = 'cuda', device = '', head = '' } = more;
  const devices = Array.from({ length: count }, (_, place) => {
    const numaNode = place < count / 2 ? 0 : 1;
    return (
      `  { mother_uuid = "GPU-${place}", model_name = "Orrery Test GPU", numa_node = ${numaNode}, ` +
      `subproc_count = 80, memory_size = "24G", is_mig_device = false${device} },\n`
    );
  });
  return (
    `slot_name = "${slotName}"\ndevice_plugin_name = "CUDADevice"\n${head}` +
    `devices = [\n${devices.join('')}]\n[attributes]\nnvidia_driver = "535.10"\n` +
    `[formats.device]\n${FORMAT('GPU', 0)}[formats.shares]\n${FORMAT('fGPU', 2)}`
  );
}

export const mockFile = (...args: Parameters<typeof mockText>) =>
  parseMockFile(mockText(...args), 'mock.toml');
