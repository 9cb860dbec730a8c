import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the kernel of the system shows its devices; another tree in tests. */
export interface SystemPaths {
  readonly sysfs: string;
  readonly dev: string;
}

export const SYSTEM_PATHS: SystemPaths = { sysfs: '/sys', dev: '/dev' };

/** One die that computes: what the driver makes a render device of. */
export interface RocmDie {
  /** Its place among those that compute, as ROCm counts them. */
  readonly index: number;
  /** The same for all dies of a board. */
  readonly board: string;
  readonly model: string;
  readonly numaNode: number | null;
  readonly memoryBytes: number;
  readonly computeUnits: number | null;
  readonly renderPath: string;
  /** Where its driver tells of it. */
  readonly sysfsPath: string;
}

const PCI_ADDRESS = /^PCI_SLOT_NAME=(?<address>\S+)$/m;
/** Kinds of memory in the topology that are the device's own. */
const OWN_HEAPS = new Set(['1', '2']);

/** The AMD devices whose driver runs, in the order of the topology; none where there is no such driver. */
export async function readRocmDies({ sysfs, dev }: SystemPaths): Promise<readonly RocmDie[]> {
  const nodes = join(sysfs, 'class/kfd/kfd/topology/nodes');
  const names = (await entriesOf(nodes)).toSorted((left, right) => Number(left) - Number(right));
  const dies: RocmDie[] = [];
  for (const name of names) {
    const node = join(nodes, name);
    const properties = await readProperties(join(node, 'properties'));
    const minor = properties.get('drm_render_minor') ?? '0';
    // A processor is a node, too; so is a device that this agent may not use, which shows nothing.
    if ((properties.get('simd_count') ?? '0') === '0' || minor === '0') continue;
    const sysfsPath = join(sysfs, `class/drm/renderD${minor}/device`);
    const renderPath = join(dev, `dri/renderD${minor}`);
    if (!(await isThere(renderPath))) continue;
    const model = await readText(join(sysfsPath, 'product_name'));
    const numaNode = Number((await readText(join(sysfsPath, 'numa_node'))) ?? '-1');
    dies.push({
      index: dies.length,
      board: await boardOf(sysfsPath, properties),
      model: model ?? (await readText(join(node, 'name'))) ?? 'AMD GPU',
      numaNode: numaNode < 0 ? null : numaNode,
      memoryBytes: await memoryOf(node, sysfsPath),
      computeUnits: computeUnitsOf(properties),
      renderPath,
      sysfsPath,
    });
  }
  return dies;
}

export interface RocmDieUse {
  readonly memoryUsedBytes: number | undefined;
  readonly busyPercent: number | undefined;
  readonly powerWatts: number | undefined;
  readonly powerLimitWatts: number | undefined;
  readonly temperatureCelsius: number | undefined;
}

const MICRO = 1_000_000;
const MILLI = 1_000;

/** What the driver tells of a die just now; what it does not tell is undefined. */
export async function readRocmUse({ sysfsPath }: RocmDie): Promise<RocmDieUse> {
  const [sensors] = await entriesOf(join(sysfsPath, 'hwmon'));
  const sensor = (name: string): Promise<number | undefined> =>
    sensors === undefined
      ? Promise.resolve(undefined)
      : readNumber(join(sysfsPath, 'hwmon', sensors, name));
  const power = (await sensor('power1_average')) ?? (await sensor('power1_input'));
  return {
    memoryUsedBytes: await readNumber(join(sysfsPath, 'mem_info_vram_used')),
    busyPercent: await readNumber(join(sysfsPath, 'gpu_busy_percent')),
    powerWatts: scaled(power, MICRO),
    powerLimitWatts: scaled(await sensor('power1_cap'), MICRO),
    temperatureCelsius: scaled(await sensor('temp1_input'), MILLI),
  };
}

/** Groups of the device files, by which a program that is not root may open them. Root's own is left out. */
export async function groupsOf(paths: readonly string[]): Promise<readonly string[]> {
  const groups = new Set<number>();
  for (const path of paths) {
    const { gid } = await stat(path).catch(() => ({ gid: 0 }));
    if (gid !== 0) groups.add(gid);
  }
  return [...groups].map(String);
}

/** Serial number of the board, else what else is the same after a restart. */
async function boardOf(
  sysfsPath: string,
  properties: ReadonlyMap<string, string>,
): Promise<string> {
  const serial = await readText(join(sysfsPath, 'serial_number'));
  if (serial !== undefined && !/^0*$/.test(serial)) return serial;
  const unique = BigInt(properties.get('unique_id') ?? '0');
  if (unique !== 0n) return unique.toString(16).padStart(16, '0');
  const described = (await readText(join(sysfsPath, 'uevent'))) ?? '';
  const address = PCI_ADDRESS.exec(described)?.groups?.['address'];
  return address ?? `renderD${properties.get('drm_render_minor')}`;
}

async function memoryOf(node: string, sysfsPath: string): Promise<number> {
  const told = await readNumber(join(sysfsPath, 'mem_info_vram_total'));
  if (told !== undefined && told > 0) return told;
  let bytes = 0;
  for (const bank of await entriesOf(join(node, 'mem_banks'))) {
    const properties = await readProperties(join(node, 'mem_banks', bank, 'properties'));
    if (OWN_HEAPS.has(properties.get('heap_type') ?? ''))
      bytes += Number(properties.get('size_in_bytes') ?? '0');
  }
  return bytes;
}

function computeUnitsOf(properties: ReadonlyMap<string, string>): number | null {
  const each = Number(properties.get('simd_per_cu') ?? '0');
  return each === 0 ? null : Math.floor(Number(properties.get('simd_count') ?? '0') / each);
}

/** `name value` a line; none where the file is missing or may not be read. */
async function readProperties(path: string): Promise<ReadonlyMap<string, string>> {
  const text = (await readText(path)) ?? '';
  return new Map(
    text.split('\n').flatMap((line) => {
      const [name, value] = line.split(' ');
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    }),
  );
}

async function entriesOf(path: string): Promise<readonly string[]> {
  return await readdir(path).catch(() => []);
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** Undefined: it is not there, says nothing, or the driver refuses to tell. */
async function readText(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}

async function readNumber(path: string): Promise<number | undefined> {
  const value = Number((await readText(path)) ?? Number.NaN);
  return Number.isNaN(value) ? undefined : value;
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}
