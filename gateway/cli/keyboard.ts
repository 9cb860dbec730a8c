import type { CommandContext } from './context.ts';

/** What keys and standard input go to. */
export interface TypedInto {
  /** Calls back when the bytes have left, or never will. */
  write(bytes: Uint8Array, onSent?: () => void): void;
  endInput(): void;
  resize(columns: number, rows: number): void;
}

const DEFAULT_SIZE = { columns: 80, rows: 24 };

export function sizeOf({ io }: CommandContext): {
  readonly columns: number;
  readonly rows: number;
} {
  return {
    columns: io.stdout.columns || DEFAULT_SIZE.columns,
    rows: io.stdout.rows || DEFAULT_SIZE.rows,
  };
}

/** Whether a person sits at both ends. */
export function hasTerminal({ io, output }: CommandContext): boolean {
  return io.stdin.isTTY === true && io.stdout.isTTY === true && !output.isJson;
}

/** Every key goes there, Ctrl-C too; the terminal is given back as it was. */
export function useTerminal(context: CommandContext, into: TypedInto): Disposable {
  const { stdin, stdout } = context.io;
  const resize = (): void => {
    const { columns, rows } = sizeOf(context);
    into.resize(columns, rows);
  };
  stdin.setRawMode?.(true);
  stdout.on('resize', resize);
  const input = usePipes(context, into);
  return {
    [Symbol.dispose]() {
      input[Symbol.dispose]();
      stdout.off('resize', resize);
      stdin.setRawMode?.(false);
    },
  };
}

/** Standard input goes there, no faster than it leaves. */
export function usePipes({ io: { stdin } }: CommandContext, into: TypedInto): Disposable {
  const take = (chunk: Buffer | string): void => {
    stdin.pause();
    into.write(Buffer.from(chunk), () => {
      if (!isOver) stdin.resume();
    });
  };
  const end = (): void => {
    into.endInput();
  };
  let isOver = false;
  stdin.on('data', take);
  stdin.once('end', end);
  stdin.resume();
  return {
    [Symbol.dispose]() {
      isOver = true;
      stdin.off('data', take);
      stdin.off('end', end);
      stdin.pause();
    },
  };
}
