import { StreamInput, type StreamOutput, type TerminalRequest } from '@orrery/bus';
import type { KernelTerminals } from './kernel-terminals.ts';
import type { Terminal } from './terminal.ts';

/** Frames of one viewer, each way. */
export interface ViewerLine {
  readonly request: TerminalRequest;
  /** Lines of JSON that come from the viewer. */
  readonly lines: AsyncIterator<string>;
  /** Resolves when the frame is on its way. */
  send(frame: StreamOutput): Promise<void>;
}

/** Shows a terminal to a viewer until its shell ends or the viewer leaves. */
export async function attend(
  terminals: KernelTerminals,
  { request, lines, send }: ViewerLine,
  left: AbortSignal,
): Promise<void> {
  const { mode, life, afterBytes = 0 } = request;
  const terminal = await terminals.find(request);
  const over = new AbortController();
  const signal = AbortSignal.any([left, over.signal]);
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  // What who looks on sends is read, and let fall.
  const obeying = obey(terminal, lines, mode).catch(failed.reject);
  const showing = async (): Promise<void> => {
    for await (const frame of terminal.watch({ life, afterBytes }, signal)) await send(frame);
  };
  try {
    await Promise.race([showing(), failed.promise]);
  } finally {
    over.abort(new Error('the viewer is served'));
    // The reading ends with the connection, which its owner closes.
    void obeying;
  }
}

async function obey(
  terminal: Terminal,
  lines: AsyncIterator<string>,
  mode: TerminalRequest['mode'],
): Promise<void> {
  for (let next = await lines.next(); next.done !== true; next = await lines.next()) {
    const frame = StreamInput.parse(JSON.parse(next.value));
    if (mode === 'read-only') continue;
    switch (frame.kind) {
      case 'input':
        await terminal.type(Buffer.from(frame.data, 'base64'));
        break;
      case 'resize':
        await terminal.resize(frame);
        break;
      case 'restart':
        await terminal.restart();
        break;
      case 'file-operation':
      case 'end-of-input':
        // Other viewers may go on: who has typed all, has no more than that.
        break;
    }
  }
}
