import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { SystemPaths } from '../../../../../actors/agent/compute/rocm-topology.ts';

const GIBIBYTE = 1024 ** 3;

export interface PretendedDie {
  readonly minor: number;
  readonly serial?: string;
  readonly uniqueId?: string;
  readonly product?: string;
  readonly numaNode?: number;
  readonly memoryGibibytes?: number;
  /** Files below the device's directory, over those that are there anyway. */
  readonly files?: Readonly<Record<string, string>>;
}

/** What the driver of AMD GPUs shows of a machine, as files in a directory of its own. */
export class RocmTree implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'orrery-rocm-'));
  readonly paths: SystemPaths = { sysfs: join(this.root, 'sys'), dev: join(this.root, 'dev') };

  constructor(dies: readonly PretendedDie[]) {
    this.#write('dev/kfd', '');
    this.#node(0, ['cpu_cores_count 64', 'simd_count 0', 'drm_render_minor 0']);
    for (const [place, die] of dies.entries()) this.#die(place + 1, die);
  }

  /** A device that is unplugged takes its files with it. */
  remove(minor: number): void {
    rmSync(join(this.paths.dev, `dri/renderD${minor}`));
  }

  write(minor: number, name: string, text: string): void {
    this.#write(`sys/class/drm/renderD${minor}/device/${name}`, text);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }

  #die(node: number, die: PretendedDie): void {
    const { minor, serial = '', uniqueId = '0', product = '', numaNode = -1 } = die;
    const bytes = (die.memoryGibibytes ?? 64) * GIBIBYTE;
    this.#node(node, [
      'cpu_cores_count 0',
      'simd_count 440',
      'simd_per_cu 4',
      `drm_render_minor ${minor}`,
      `unique_id ${uniqueId}`,
    ]);
    this.#write(`${NODES}/${node}/name`, 'aldebaran\n');
    const bank = `heap_type 1\nsize_in_bytes ${bytes}\n`;
    this.#write(`${NODES}/${node}/mem_banks/0/properties`, bank);
    this.#write(`dev/dri/renderD${minor}`, '');
    const files = {
      serial_number: `${serial}\n`,
      product_name: `${product}\n`,
      numa_node: `${numaNode}\n`,
      mem_info_vram_total: `${bytes}\n`,
      mem_info_vram_used: `${GIBIBYTE}\n`,
      gpu_busy_percent: '40\n',
      uevent: `DRIVER=amdgpu\nPCI_SLOT_NAME=0000:${minor}:00.0\n`,
      ...die.files,
    };
    for (const [name, text] of Object.entries(files)) this.write(minor, name, text);
  }

  #node(node: number, properties: readonly string[]): void {
    this.#write(`${NODES}/${node}/properties`, `${properties.join('\n')}\n`);
  }

  #write(name: string, text: string): void {
    const path = join(this.root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

const NODES = 'sys/class/kfd/kfd/topology/nodes';
