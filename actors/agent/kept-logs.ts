import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { decodeFrames, encodeFrame, FrameDecoder, type LogChunk } from './log-frames.ts';

const KEPT_LOG_BYTES_MAX = 64 * 1024 * 1024;
const KEPT_LOGS_BYTES_MAX = 2 * 1024 * 1024 * 1024;
const KEPT_LOGS_MAX = 20_000;
const FACTS = '.json';
const FRAMES = '.log';

const KeptFacts = z.object({
  /** Place in the whole log of the first byte that is kept. */
  startBytes: z.int(),
  exitCode: z.int().nullable(),
});

/** Logs of kernels that ended, after their containers are gone. The oldest go when there is too much. */
export class KeptLogs {
  readonly #directory: string;
  /** Bytes by kernel, the oldest first. */
  readonly #bytes = new Map<string, number>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<KeptLogs> {
    const logs = new KeptLogs(directory);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const names = (await readdir(directory)).filter((name) => name.endsWith(FRAMES));
    const found = await Promise.all(
      names.map(async (name) => ({ name, facts: await stat(join(directory, name)) })),
    );
    for (const { name, facts } of found.sort((a, b) => a.facts.mtimeMs - b.facts.mtimeMs))
      logs.#bytes.set(name.slice(0, -FRAMES.length), facts.size);
    return logs;
  }

  has(kernel: string): boolean {
    return this.#bytes.has(kernel);
  }

  /** Undefined: there is none. */
  async exitCodeOf(kernel: string): Promise<number | null | undefined> {
    return (await this.#facts(kernel))?.exitCode;
  }

  /** Whole or not at all: a log that was cut off in the middle of saving is saved again. */
  async save(
    kernel: string,
    exitCode: number | null,
    chunks: AsyncIterable<LogChunk>,
  ): Promise<void> {
    const path = this.#path(kernel, FRAMES);
    let startBytes: number | undefined;
    let bytesKept = 0;
    {
      await using file = await open(`${path}.new`, 'w', 0o600);
      for await (const { source, bytes, offsetBytes } of chunks) {
        startBytes ??= offsetBytes;
        if (bytesKept + bytes.length > KEPT_LOG_BYTES_MAX) break;
        bytesKept += bytes.length;
        await file.write(encodeFrame(source, bytes));
      }
    }
    const facts: z.infer<typeof KeptFacts> = { startBytes: startBytes ?? 0, exitCode };
    await writeFile(this.#path(kernel, FACTS), JSON.stringify(facts), { mode: 0o600 });
    await rename(`${path}.new`, path);
    this.#bytes.delete(kernel);
    this.#bytes.set(kernel, bytesKept);
    await this.#makeRoom();
  }

  async *read(kernel: string, offsetBytes: number): AsyncGenerator<LogChunk> {
    const facts = await this.#facts(kernel);
    if (facts === undefined) return;
    const decoder = new FrameDecoder(offsetBytes, facts.startBytes);
    yield* decodeFrames(createReadStream(this.#path(kernel, FRAMES)), decoder);
  }

  async drop(kernel: string): Promise<void> {
    this.#bytes.delete(kernel);
    await rm(this.#path(kernel, FRAMES), { force: true });
    await rm(this.#path(kernel, FACTS), { force: true });
  }

  async #facts(kernel: string): Promise<z.infer<typeof KeptFacts> | undefined> {
    if (!this.has(kernel)) return undefined;
    return KeptFacts.parse(JSON.parse(await readFile(this.#path(kernel, FACTS), 'utf8')));
  }

  async #makeRoom(): Promise<void> {
    let bytes = [...this.#bytes.values()].reduce((sum, each) => sum + each, 0);
    for (const [kernel, size] of this.#bytes) {
      if (bytes <= KEPT_LOGS_BYTES_MAX && this.#bytes.size <= KEPT_LOGS_MAX) return;
      bytes -= size;
      await this.drop(kernel);
    }
  }

  #path(kernel: string, ending: string): string {
    return join(this.#directory, `${kernel}${ending}`);
  }
}
