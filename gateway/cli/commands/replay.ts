import type { CommandContext, GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';
import { parseInstant } from '../wording.ts';
import { entityOf } from './audit.ts';

export interface ReplayOptions extends GlobalOptions {
  readonly from?: string;
  readonly to?: string;
  readonly aggregate?: string;
  /** Undefined: as fast as it can be read. */
  readonly speed: number | 'max';
}

/** Timers of the platform take no more; a longer wait is several. Milliseconds. */
const WAIT_MS_MAX = 86_400_000;

/** One commit a line, whether JSON was asked for or not. */
export async function replayLog(
  context: CommandContext,
  { from, to, aggregate, speed }: ReplayOptions,
): Promise<undefined> {
  const { io, output, signal } = context;
  const nowMs = io.clock.nowMs();
  const client = await context.client();
  const entity = aggregate === undefined ? undefined : await entityOf(context, aggregate);
  const range = { from: placeOf('--from', from, nowMs), to: placeOf('--to', to, nowMs), entity };
  let first: { readonly recordedAtMs: number; readonly shownAtMs: number } | undefined;
  for await (const commit of client.replay(range, signal)) {
    const { recordedAtMs } = commit;
    first ??= { recordedAtMs, shownAtMs: io.clock.nowMs() };
    if (speed !== 'max') {
      const dueAtMs = first.shownAtMs + (recordedAtMs - first.recordedAtMs) / speed;
      await waitUntil(context, dueAtMs);
    }
    await output.bytes(`${JSON.stringify(commit)}\n`);
  }
}

async function waitUntil({ io, signal }: CommandContext, dueAtMs: number): Promise<void> {
  for (;;) {
    const restMs = Math.ceil(dueAtMs - io.clock.nowMs());
    if (restMs <= 0) return;
    await io.clock.sleep(Math.min(restMs, WAIT_MS_MAX), signal);
  }
}

/** A sequence stays as it is. @throws {UsageWrong} when it is neither that nor a time. */
function placeOf(option: string, text: string | undefined, nowMs: number): string | undefined {
  if (text === undefined || /^\d{1,15}$/.test(text)) return text;
  const instant = parseInstant(text, nowMs);
  if (instant !== undefined) return instant;
  throw new UsageWrong(
    `${option} ${JSON.stringify(text)} is neither a sequence of the log nor a time such as 2026-11-20T12:00:00Z, or 5m for five minutes ago`,
  );
}
