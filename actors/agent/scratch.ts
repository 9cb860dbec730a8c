import { appendFile, chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelSpec } from '@orrery/bus';
import { DiskFull, ScratchUnavailable } from './errors.ts';
import { environLines } from './kernel-environ.ts';

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

  constructor(root: string) {
    this.#root = root;
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
    await writing(paths, async () => {
      // Closed to other users of the node; inside, any user of the image may write.
      await mkdir(this.#root, { recursive: true, mode: 0o700 });
      await mkdir(paths.config, { recursive: true, mode: 0o755 });
      await mkdir(paths.work, { recursive: true });
      await chmod(paths.work, 0o777);
    });
    this.#made.add(spec.kernel);
    return paths;
  }

  /** Writes what the program is told of itself, and a copy of each that nothing is added to. @throws as `make`. */
  async describe(
    kernel: string,
    texts: { readonly environ: Readonly<Record<string, string>>; readonly resources: string },
  ): Promise<void> {
    const paths = this.paths(kernel);
    const environ = environText(texts.environ);
    const files = [
      ['environ.txt', environ],
      ['environ_base.txt', environ],
      ['resource.txt', texts.resources],
      ['resource_base.txt', texts.resources],
    ] as const;
    await writing(paths, () =>
      Promise.all(files.map(([name, text]) => writeFile(join(paths.config, name), text))),
    );
  }

  /** The last line of `resource.txt`. */
  async addContainer(kernel: string, containerId: string): Promise<void> {
    const paths = this.paths(kernel);
    await writing(paths, () =>
      appendFile(join(paths.config, 'resource.txt'), `CID=${containerId}\n`),
    );
  }

  async remove(kernel: string): Promise<void> {
    this.#made.delete(kernel);
    await rm(this.paths(kernel).root, { recursive: true, force: true });
  }
}

/** The format has no quoting, so a value with a line break cannot be told in it and is left out. */
function environText(environ: Readonly<Record<string, string>>): string {
  const lines = environLines(environ).filter((line) => !line.includes('\n'));
  return `${lines.join('\n')}\n`;
}

async function writing(paths: ScratchPaths, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
    if (isFull) throw new DiskFull('prepare', { cause });
    throw new ScratchUnavailable(paths.root, { cause });
  }
}
