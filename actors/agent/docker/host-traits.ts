import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '../resource-text.ts';
import type { EngineTraits } from './container-options.ts';

const TIME_ZONE_FILES = ['etc/localtime', 'etc/timezone'];
/** What a container sees of its own cores and memory, where that file system is installed. */
const LXCFS = 'var/lib/lxcfs';
const LXCFS_PROCESSORS = ['sys/devices/system/cpu', 'sys/devices/system/cpu/online'];
const INFINIBAND = 'dev/infiniband';

/** What every container gets of the machine below `root`, as far as it is there. */
export function hostTraits(root: string): Pick<EngineTraits, 'hostMounts' | 'hostDevices'> {
  const isThere = (path: string): boolean => existsSync(join(root, path));
  const zone = TIME_ZONE_FILES.filter(isThere).map(
    (path): Mount => ({ source: join(root, path), target: `/${path}`, mode: 'ro' }),
  );
  const processors = LXCFS_PROCESSORS.filter((path) => isThere(join(LXCFS, path))).map(
    (path): Mount => ({ source: join(root, LXCFS, path), target: `/${path}`, mode: 'rw' }),
  );
  const hasInfiniband = isThere(join(INFINIBAND, 'uverbs0'));
  return {
    hostMounts: [...zone, ...lxcfsFiles(root), ...processors],
    hostDevices: hasInfiniband ? [join(root, INFINIBAND)] : [],
  };
}

function lxcfsFiles(root: string): readonly Mount[] {
  const directory = join(root, LXCFS, 'proc');
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => statSync(join(directory, name)).isFile())
    .sort()
    .map((name) => ({ source: join(directory, name), target: `/proc/${name}`, mode: 'rw' }));
}
