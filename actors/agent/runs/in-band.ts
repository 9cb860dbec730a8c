import { z } from 'zod';

/** What a runner tells of itself among the output of the cells. */
export const RunnerMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('media'), mime: z.string(), content: z.string() }),
  z.object({ kind: z.literal('waiting-input'), isPassword: z.boolean() }),
  z.object({ kind: z.literal('completion'), id: z.int(), suggestions: z.array(z.string()) }),
  /** Once on either stream: all that the cell printed there came before. The code is on standard output. */
  z.object({
    kind: z.literal('done'),
    exitCode: z.int().optional(),
    /** Number of the cell; absent: the one that runs. */
    cell: z.int().optional(),
  }),
  /** A cell ended the interpreter itself. */
  z.object({ kind: z.literal('ended'), exitCode: z.int() }),
  /** Not of the runner: a message was so long that it was left out. */
  z.object({ kind: z.literal('left-out'), bytes: z.int() }),
]);
export type RunnerMessage = z.infer<typeof RunnerMessage>;

export type OutputPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'message'; readonly message: RunnerMessage };

export const MESSAGE_BYTES_MAX = 10 * 1024 * 1024;
/** A piece longer than this is no piece, but output that looks like one. */
const PIECE_BYTES_MAX = 8_192;
const LINE_END = 0x0a;
const GOES_ON = 0x2b;

/**
 * Tells the messages in one stream of a runner from what its cells print. A message is a NUL, the secret, `+`
 * or `.` (the last piece) and JSON up to the line's end; pieces are short, so that no other writer's
 * output gets into one.
 */
export class InBandParser {
  readonly #mark: Buffer;
  readonly #decoder = new TextDecoder();
  #pending: Buffer = Buffer.alloc(0);
  #pieces: Buffer[] = [];
  #pieceBytes = 0;

  constructor(secret: string) {
    this.#mark = Buffer.from(`\0${secret}`);
  }

  push(bytes: Uint8Array): readonly OutputPart[] {
    const parts: OutputPart[] = [];
    let rest =
      this.#pending.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#pending, bytes]);
    for (;;) {
      const start = this.#findMark(rest);
      this.#addText(parts, rest.subarray(0, start));
      rest = rest.subarray(start);
      const end = rest.length > this.#mark.length ? rest.indexOf(LINE_END) : -1;
      if (end < 0) {
        if (rest.length <= PIECE_BYTES_MAX) break;
        this.#addText(parts, rest.subarray(0, 1));
        rest = rest.subarray(1);
        continue;
      }
      this.#addPiece(parts, rest.subarray(this.#mark.length, end));
      rest = rest.subarray(end + 1);
    }
    this.#pending = Buffer.from(rest);
    return parts;
  }

  /** The stream, or the part of it that belongs to one run, is over: what was begun is given. */
  flush(): readonly OutputPart[] {
    const text = this.#decoder.decode(this.#pending);
    this.#pending = Buffer.alloc(0);
    return text === '' ? [] : [{ kind: 'text', text }];
  }

  /** Where a mark begins, or might once more has come; the length when nowhere. */
  #findMark(bytes: Buffer): number {
    for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at + 1)) {
      const seen = bytes.subarray(at, at + this.#mark.length);
      if (seen.equals(this.#mark.subarray(0, seen.length))) return at;
    }
    return bytes.length;
  }

  #addText(parts: OutputPart[], bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const text = this.#decoder.decode(bytes, { stream: true });
    if (text !== '') parts.push({ kind: 'text', text });
  }

  #addPiece(parts: OutputPart[], piece: Buffer): void {
    this.#pieceBytes += piece.length;
    if (this.#pieceBytes <= MESSAGE_BYTES_MAX) this.#pieces.push(Buffer.from(piece.subarray(1)));
    if (piece[0] === GOES_ON) return;
    const bytes = this.#pieceBytes;
    const text = Buffer.concat(this.#pieces).toString('utf8');
    this.#pieces = [];
    this.#pieceBytes = 0;
    const message: RunnerMessage | undefined =
      bytes > MESSAGE_BYTES_MAX ? { kind: 'left-out', bytes } : parseMessage(text);
    if (message !== undefined) parts.push({ kind: 'message', message });
  }
}

/** Whoever knows the secret may write nonsense; it is passed over. */
function parseMessage(text: string): RunnerMessage | undefined {
  try {
    return RunnerMessage.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
