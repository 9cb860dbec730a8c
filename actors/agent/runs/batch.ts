import { join } from 'node:path';
import type { BatchSteps, RunLanguage } from '@orrery/bus';
import type { ContainerDriver, ExecProcess } from '../container-driver.ts';
import { type Step, stepCommand } from './dialects.ts';
import type { Run } from './run.ts';

const STEPS: readonly Step[] = ['clean', 'build', 'exec'];
const NOT_BUILT = 127;

export interface BatchParts {
  readonly driver: ContainerDriver;
  readonly kernel: string;
  readonly directory: string;
  readonly language: RunLanguage;
  readonly signal: AbortSignal;
}

/** Programs run one after another over the kernel's files, each of which can be interrupted. */
export class Batch {
  readonly #parts: BatchParts;
  #process: ExecProcess | undefined;

  constructor(parts: BatchParts) {
    this.#parts = parts;
  }

  /** The exit code of the last step. What is not asked for ends well; what was not built is not run. */
  async run(steps: BatchSteps, run: Run): Promise<number> {
    let exitCode = 0;
    for (const step of STEPS) {
      const command = stepCommand(step, steps, this.#parts.language);
      const isBuilt = step !== 'exec' || exitCode === 0;
      if (!isBuilt) exitCode = command === undefined ? 0 : NOT_BUILT;
      else exitCode = command === undefined ? 0 : await this.#runOne(command, run);
      if (step !== 'exec') run.log.append({ status: `${step}-finished`, exitCode });
    }
    return exitCode;
  }

  async interrupt(): Promise<void> {
    await this.#process?.write(Buffer.from('interrupt\n'));
  }

  async #runOne(command: string, run: Run): Promise<number> {
    const { driver, kernel, directory, signal } = this.#parts;
    const words = ['sh', join(directory, 'command.sh'), command];
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    await using process = await driver.exec({ kernel, command: words, environ: {} }, signal);
    this.#process = process;
    try {
      for await (const { source, bytes } of process.output) {
        const text = decoders[source].decode(bytes, { stream: true });
        if (text !== '') await run.print([source, text]);
      }
      return (await process.waitForExit(signal)) ?? -1;
    } finally {
      this.#process = undefined;
    }
  }
}
