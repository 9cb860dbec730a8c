/** Ends the reading of an engine's stream with the signal's reason. */
export async function* abortable(
  stream: NodeJS.ReadableStream,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of stream) yield Buffer.from(piece);
  } catch (cause) {
    signal.throwIfAborted();
    throw cause;
  }
}
