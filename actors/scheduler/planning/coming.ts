import { chancesOf } from './chance.ts';
import type { Arrival } from './future.ts';

/** Sessions that are taken to come, at most: what lies further ahead is too uncertain to matter. */
const COMING_MAX = 200;
const HOUR_MS = 3_600_000;
/** What came longer ago says nothing of what comes. */
export const WINDOW_MS = 6 * HOUR_MS;

/**
 * Sessions as they may come from now on: like those that came lately and as far from each other, in another order
 * each time (`seed`). `recent` in order of time.
 */
export function comingLike(
  recent: readonly Arrival[],
  { nowMs, seed }: { readonly nowMs: number; readonly seed: string },
): readonly Arrival[] {
  const last = recent.filter(({ atMs }) => atMs > nowMs - WINDOW_MS && atMs <= nowMs);
  const [first] = last;
  if (first === undefined) return [];
  const gaps = gapsOf(last, nowMs);
  const chance = chancesOf(seed);
  const coming: Arrival[] = [];
  let atMs = nowMs;
  for (let index = 0; index < COMING_MAX; index += 1) {
    atMs += gaps[Math.floor(chance() * gaps.length)] ?? 0;
    const like = last[Math.floor(chance() * last.length)] ?? first;
    const session = { ...like.session, session: `${seed}+${index}`, queuedAtMs: atMs };
    coming.push({ atMs, session });
  }
  return coming;
}

/** From each to the next and from the last till now; stretched when all came at once, which tells nothing. */
function gapsOf(last: readonly Arrival[], nowMs: number): readonly number[] {
  const gaps = last.map(({ atMs }, index) => (last[index + 1]?.atMs ?? nowMs) - atMs);
  const spanMs = gaps.reduce((sum, gap) => sum + gap, 0);
  if (spanMs >= HOUR_MS) return gaps;
  return gaps.map((gap) => gap + (HOUR_MS - spanMs) / gaps.length);
}
