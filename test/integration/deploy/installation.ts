import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { comesTrue } from '../../../deploy/embedded/clock.ts';
import { parseStopOptions } from '../../../deploy/embedded/options.ts';
import { identify, isAlive } from '../../../deploy/embedded/process-identity.ts';
import { stop } from '../../../deploy/embedded/stop.ts';

export const patience = { withinMs: 30_000, everyMs: 20 };
/** A program like `orrery start`, with stand-ins for our own processes. */
export const standInStart = join(import.meta.dirname, 'stand-in', 'start.ts');

/** A supervisor in a process of its own, over stand-ins for our processes. */
export class Installation {
  readonly directory: string;
  readonly process: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(directory: string, ...args: readonly string[]) {
    this.directory = directory;
    this.process = spawn(
      process.execPath,
      [standInStart, '--data-dir', directory, '--port', '0', ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, DOCKER_HOST: 'unix:///nowhere' },
      },
    );
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Resolves with its address. @throws with what it said when it ends first. */
  async ready(): Promise<string> {
    await comesTrue(() => this.hasEnded || this.#stdout.includes('\n'), patience);
    const url = /^ready (http:\S+)$/m.exec(this.#stdout)?.[1];
    if (url === undefined) throw new Error(`not ready: ${this.#stderr}`);
    return url;
  }

  async exitCode(): Promise<number | null> {
    await comesTrue(() => this.hasEnded, patience);
    return this.process.exitCode;
  }

  pidOf(name: string): number {
    const file = join(this.directory, 'run', `${name}.pid`);
    if (!existsSync(file)) return 0;
    const { pid }: { readonly pid?: number } = JSON.parse(readFileSync(file, 'utf8') || '{}');
    return pid ?? 0;
  }

  isRunning(name: string): boolean {
    const identity = identify(this.pidOf(name));
    return identity !== undefined && isAlive(identity);
  }

  async stop(): Promise<string> {
    const told = await stopInstallation(this.directory);
    await comesTrue(() => this.hasEnded, patience);
    return told;
  }
}

/** What `orrery stop` says. */
export async function stopInstallation(directory: string): Promise<string> {
  const lines: string[] = [];
  await stop(parseStopOptions(['--data-dir', directory]), (line) => lines.push(line));
  return lines.join('\n');
}
