import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelSpec } from '@orrery/bus';
import { DiskFull, ScratchUnavailable } from './errors.ts';
import { type Directories, environLines, kernelEnviron } from './kernel-environ.ts';

/** Where one kernel's files lie on the node. */
export interface ScratchPaths {
  readonly root: string;
  /** What the system tells the program; the program cannot change it. */
  readonly config: string;
  readonly work: string;
  /** What runs in the kernel is kept here; its programs do not see it. */
  readonly runs: string;
}

/** The scratch space of one node's kernels: `<root>/<kernel>/{config,work}`. */
export class Scratch {
  readonly #root: string;
  readonly #made = new Set<string>();
  readonly #seen: (paths: ScratchPaths) => Directories;

  /** `seen`: where the program finds its own two directories. */
  constructor(root: string, seen: (paths: ScratchPaths) => Directories) {
    this.#root = root;
    this.#seen = seen;
  }

  paths(kernel: string): ScratchPaths {
    const root = join(this.#root, kernel);
    const below = (name: string): string => join(root, name);
    return { root, config: below('config'), work: below('work'), runs: below('runs') };
  }

  /** Free when it was made by this object before. @throws {ScratchUnavailable} */
  async make(spec: KernelSpec): Promise<ScratchPaths> {
    const paths = this.paths(spec.kernel);
    if (this.#made.has(spec.kernel)) return paths;
    try {
      // Closed to other users of the node; inside, any user of the image may write.
      await mkdir(this.#root, { recursive: true, mode: 0o700 });
      await mkdir(paths.config, { recursive: true, mode: 0o755 });
      await mkdir(paths.work, { recursive: true });
      await chmod(paths.work, 0o777);
      await writeFile(join(paths.config, 'environ.txt'), environText(spec, this.#seen(paths)));
      await writeFile(join(paths.config, 'resource.txt'), resourceText(spec));
    } catch (cause) {
      const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
      if (isFull) throw new DiskFull('prepare', { cause });
      throw new ScratchUnavailable(paths.root, { cause });
    }
    this.#made.add(spec.kernel);
    return paths;
  }

  async remove(kernel: string): Promise<void> {
    this.#made.delete(kernel);
    await rm(this.paths(kernel).root, { recursive: true, force: true });
  }
}

/** The format has no quoting, so a value with a line break cannot be told in it and is left out. */
function environText(spec: KernelSpec, directories: Directories): string {
  const environ = kernelEnviron(spec, directories);
  const lines = environLines(environ).filter((line) => !line.includes('\n'));
  return `${lines.join('\n')}\n`;
}

function resourceText(spec: KernelSpec): string {
  return `SCRATCH_SIZE=0m\nMOUNTS=\nSLOTS=${JSON.stringify(spec.slots)}\n`;
}
