import type { PullProgress } from '@orrery/bus';
import { z } from 'zod';

const PullNotice = z.object({
  id: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
  progressDetail: z
    .object({ current: z.number().optional(), total: z.number().optional() })
    .optional(),
});
export type PullNotice = Readonly<z.infer<typeof PullNotice>>;

interface Layer {
  readonly isDone: boolean;
  readonly bytes: number;
}

/** What an engine says while it pulls, as it comes. */
export async function* pullNotices(stream: NodeJS.ReadableStream): AsyncGenerator<PullNotice> {
  let rest = '';
  for await (const piece of stream) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield PullNotice.parse(JSON.parse(line));
  }
}

/** The notices of one pull as one progress. */
export class PullTally {
  readonly #layers = new Map<string, Layer>();
  readonly #bytesTotal: number | undefined;

  /** `bytesTotal`: what is to come, where the registry said it. */
  constructor(bytesTotal: number | undefined) {
    this.#bytesTotal = bytesTotal;
  }

  /** The progress when the notice changed it. */
  take({ id, status = '', progressDetail }: PullNotice): PullProgress | undefined {
    // The first notice names the tag in the place of a layer.
    if (id === undefined || status.startsWith('Pulling from')) return undefined;
    const before = this.#layers.get(id) ?? { isDone: false, bytes: 0 };
    const isLoading = status === 'Downloading';
    this.#layers.set(id, {
      isDone: before.isDone || /^(Pull complete|Already exists)$/.test(status),
      // While a layer is unpacked its numbers start again: what was loaded is what counts.
      bytes: isLoading ? Math.max(before.bytes, progressDetail?.current ?? 0) : before.bytes,
    });
    return this.progress();
  }

  progress(): PullProgress {
    const layers = [...this.#layers.values()];
    return {
      layersDone: layers.filter(({ isDone }) => isDone).length,
      layersTotal: layers.length,
      bytesDone: layers.reduce((sum, { bytes }) => sum + bytes, 0),
      ...(this.#bytesTotal === undefined ? {} : { bytesTotal: this.#bytesTotal }),
    };
  }
}
