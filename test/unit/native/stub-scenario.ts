import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildNvml, type NvmlBuild } from '../../../native/build.ts';
import { type Nvml, type NvmlOptions, openNvml } from '../../../native/index.ts';

/** Builds first; without a compiler the tests are left out aloud, or fail where CI=true. */
export const build: NvmlBuild = await buildNvml();
if (!build.isBuilt) {
  const message = `native: NOT TESTED, ${build.missing}\n`;
  if (process.env['CI'] === 'true') throw new Error(message);
  process.stdout.write(message);
}

const scratch = mkdtempSync(join(tmpdir(), 'orrery-nvml-'));
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }));

export const stubPath = build.isBuilt ? build.stubPath : '';

/** What the stub library does from its next start on, in the language its own header describes. */
export function playScenario(...lines: readonly string[]): void {
  const path = join(scratch, 'scenario');
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  process.env['ORRERY_NVML_STUB'] = path;
}

/** A directory as /sys/bus/pci/devices, with the NUMA node of the stub's first device. */
export function pciDevicesWithNode(node: number): string {
  const root = mkdtempSync(join(scratch, 'pci-'));
  mkdirSync(join(root, '00fe:3b:00.0'));
  writeFileSync(join(root, '00fe:3b:00.0', 'numa_node'), `${node}\n`);
  return root;
}

export function within(timeoutMs = 5_000): AbortSignal {
  return AbortSignal.timeout(timeoutMs);
}

export async function openStub(
  scenario: readonly string[],
  options: NvmlOptions = {},
): Promise<Nvml> {
  playScenario(...scenario);
  const availability = await openNvml({ libraryPath: stubPath, ...options }, within());
  if (!availability.isAvailable) throw new Error(availability.explanation);
  return availability.nvml;
}
