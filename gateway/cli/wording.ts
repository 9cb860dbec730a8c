import type { Slots } from '../client/model.ts';
import type { ForecastScore } from '../client/session-why.ts';
import { UsageWrong } from './errors.ts';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Bytes for people, such as `1.5 GiB`; a text that is no number stays as it is. */
export function wordBytes(bytes: string | number): string {
  let amount = Number(bytes);
  if (!Number.isFinite(amount)) return String(bytes);
  let unit = 0;
  while (Math.abs(amount) >= 1024 && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const rounded = Math.round(amount * 10) / 10;
  return `${rounded} ${BYTE_UNITS[unit]}`;
}

/** Slots for people, such as `cpu 1, mem 512 MiB`. */
export function wordSlots(slots: Slots): string {
  return Object.entries(slots)
    .map(([name, amount]) => `${name} ${wordAmount(name, amount)}`)
    .join(', ');
}

export function wordAmount(name: string, amount: string): string {
  return name === 'mem' ? wordBytes(amount) : amount;
}

/** A duration in its greatest unit, such as `3m`. */
export function wordDuration(durationMs: number): string {
  const ms = Math.max(0, durationMs);
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)}m`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)}h`;
  return `${Math.floor(ms / DAY_MS)}d`;
}

/** Local time to the second, such as `2026-11-20 12:00:01`. */
export function wordInstant(iso: string): string {
  const at = new Date(Date.parse(iso));
  if (Number.isNaN(at.getTime())) return iso;
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  const time = [two(at.getHours()), two(at.getMinutes()), two(at.getSeconds())].join(':');
  return `${date} ${time}`;
}

/** Local time of day to the millisecond, such as `12:00:01.234`. */
export function wordMoment(iso: string): string {
  const milliseconds = String(new Date(Date.parse(iso)).getMilliseconds()).padStart(3, '0');
  return `${wordInstant(iso).slice(11)}.${milliseconds}`;
}

export function wordAgo(iso: string, nowMs: number): string {
  return `${wordInstant(iso)} (${wordDuration(nowMs - Date.parse(iso))} ago)`;
}

/** A command line that a shell would read back as the same arguments. */
export function wordCommand(command: readonly string[]): string {
  return command
    .map((part) => (/^[\w@%+=:,./-]+$/.test(part) ? part : `'${part.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}

const AGO_UNITS: Readonly<Record<string, number>> = {
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
};

/**
 * An instant in ISO 8601, from a date and time (local when it names no zone) or a time ago such as `5m`.
 * Undefined when the text is neither.
 */
export function parseInstant(text: string, nowMs: number): string | undefined {
  const [, count, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const atMs =
    count !== undefined && unit !== undefined
      ? nowMs - Number(count) * (AGO_UNITS[unit] ?? 0)
      : /^\d{4}-\d{2}-\d{2}/.test(text)
        ? Date.parse(text)
        : Number.NaN;
  const at = new Date(atMs);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** As `parseInstant`. @throws {UsageWrong} when the text is no time. */
export function instantOf(text: string, nowMs: number): string {
  const instant = parseInstant(text, nowMs);
  if (instant !== undefined) return instant;
  throw new UsageWrong(
    `${JSON.stringify(text)} is no time such as 2026-11-20T12:00:00Z, or 5m for five minutes ago`,
  );
}

/** Such as `2 RUNNING, 1 PENDING`. */
export function wordCounts(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([status, count]) => `${count} ${status}`);
  return words.join(', ') || 'none';
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** How forecasts came out. */
export function wordScore({ count, withinTwice, errorP50Seconds }: ForecastScore): string {
  const share = Math.round(100 * withinTwice);
  const off = wordDuration(1000 * errorP50Seconds);
  return `of the last ${count}, ${share} % came within twice of what was said, half of them within ${off}`;
}
