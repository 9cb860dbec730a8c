import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestNats } from '../environment/nats.ts';
import type { TestPostgres } from '../environment/postgres.ts';
import { makeScratch } from '../environment/scratch.ts';

const MAIN = fileURLToPath(new URL('../../projections/main.ts', import.meta.url));
const READY_MS_MAX = 600_000;

/** A projector in a process of its own. */
export class ProjectorProcess implements AsyncDisposable {
  readonly pid: number;
  /** Resolves when it has caught up with the log for the first time. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  readonly #scratch = makeScratch('bench-projector');

  constructor({ servers, user, password }: TestNats, { url }: TestPostgres) {
    const config = join(this.#scratch.path, 'orrery.toml');
    const settings = [
      `[bus]\nservers = ${JSON.stringify(servers)}\nuser = "${user}"\npassword = "${password}"`,
      `[postgres]\nurl = "${url}"`,
      `[gateway]\nmasterKey = "${Buffer.alloc(32).toString('base64')}"`,
    ];
    writeFileSync(config, settings.join('\n'), { mode: 0o600 });
    const flags = process.env['PROJECTOR_NODE_FLAGS']?.split(' ') ?? [];
    const child = spawn(process.execPath, [...flags, MAIN, '--config', config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    this.#child = child;
    this.pid = child.pid ?? Number.NaN;
    this.ready = saysReady(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
    this.#scratch.remove();
  }
}

async function saysReady({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null) throw new Error('the projector has no output');
  const lines = createInterface({ input: stdout, signal: AbortSignal.timeout(READY_MS_MAX) });
  for await (const line of lines) {
    if (line !== 'ready') continue;
    stdout.resume();
    return;
  }
  throw new Error('the projector did not catch up in time');
}
