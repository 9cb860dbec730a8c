import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import type { ExecProcess } from '../container-driver.ts';
import type { KernelShell } from './kernel-shell.ts';

const MARK_BYTES = 12;
const FILE = 'apps.sh';

/** What an image says of its apps, and what of what was asked for is there. */
export interface ImageWord {
  /** The label `ai.backend.service-ports`. */
  readonly servicePorts: string;
  /** `8000,8001`: the ports that the session was created with. */
  readonly preopenPorts: string;
  readonly runtimePath: string;
  /** Texts of the service definitions, by their names. */
  readonly definitions: ReadonlyMap<string, string>;
  readonly programs: ReadonlySet<string>;
  readonly variables: ReadonlySet<string>;
}

/** A look into a kernel, which sees which ports are listened at for as long as it is kept. */
export class KernelLook implements AsyncDisposable {
  readonly #process: ExecProcess;
  readonly #mark: string;
  readonly #lines: AsyncIterator<string>;

  private constructor(process: ExecProcess, mark: string) {
    this.#process = process;
    this.#mark = mark;
    this.#lines = linesOf(process)[Symbol.asyncIterator]();
  }

  /** Sees ports alone. */
  static async atPorts(shell: KernelShell): Promise<KernelLook> {
    const mark = randomBytes(MARK_BYTES).toString('hex');
    const command = ['sh', shell.runnerFile(FILE), mark, 'ports-only'];
    return new KernelLook(await shell.begin(command), mark);
  }

  static async begin(
    shell: KernelShell,
    { programs, variables }: Readonly<Record<'programs' | 'variables', readonly string[]>>,
  ): Promise<{ readonly look: KernelLook; readonly word: ImageWord }> {
    const mark = randomBytes(MARK_BYTES).toString('hex');
    const asked = [...programs, ...variables.map((name) => `${name}=`)];
    const process = await shell.begin(['sh', shell.runnerFile(FILE), mark, ...asked]);
    const look = new KernelLook(process, mark);
    return { look, word: await look.#word() };
  }

  /** Ports at which something listens now. */
  async listening(): Promise<ReadonlySet<number>> {
    await this.#process.write(Buffer.from('\n'));
    for (;;) {
      const { kind, text } = await this.#next();
      if (kind !== 'listening') continue;
      const ports = text.split(' ').filter((port) => port !== '');
      return new Set(ports.map((port) => Number.parseInt(port, 16)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.endInput();
    try {
      await this.#process[Symbol.asyncDispose]();
    } catch {
      // The engine lost it; it ends with its input.
    }
  }

  async #word(): Promise<ImageWord> {
    const texts = { ports: '', preopen: '', runtime: '' };
    const definitions = new Map<string, string>();
    const found = { program: new Set<string>(), variable: new Set<string>() };
    let name: string | undefined;
    for (;;) {
      const { kind, text } = await this.#next();
      if (kind === undefined) {
        if (name !== undefined) definitions.set(name, `${definitions.get(name) ?? ''}${text}\n`);
        continue;
      }
      name = undefined;
      if (kind === 'definition') name = /([^/]+)\.json$/.exec(text)?.[1];
      else if (kind === 'program' || kind === 'variable') found[kind].add(text);
      else if (kind === 'ports' || kind === 'preopen' || kind === 'runtime') texts[kind] = text;
      else if (kind === 'end') break;
    }
    return {
      servicePorts: texts.ports,
      preopenPorts: texts.preopen,
      runtimePath: texts.runtime,
      definitions,
      programs: found.program,
      variables: found.variable,
    };
  }

  /** Without a kind: a line that is not ours. */
  async #next(): Promise<{ readonly kind?: string; readonly text: string }> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error('the look into the kernel ended early');
    const line = next.value;
    if (!line.startsWith(`${this.#mark} `)) return { text: line };
    const [kind = '', ...rest] = line.slice(this.#mark.length + 1).split(' ');
    return { kind, text: rest.join(' ') };
  }
}

/** Standard output only. */
function linesOf(process: ExecProcess): AsyncIterable<string> {
  const text = new PassThrough();
  const copy = async (): Promise<void> => {
    for await (const { source, bytes } of process.output)
      if (source === 'stdout') text.write(bytes);
    text.end();
  };
  copy().catch((error: unknown) => text.destroy(error instanceof Error ? error : undefined));
  return createInterface({ input: text });
}
