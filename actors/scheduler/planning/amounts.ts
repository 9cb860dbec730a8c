import { OrreryError, type Slots } from '@orrery/bus';
import type { Vector } from './vector.ts';

const THOUSANDTHS = 1000n;
const DECIMAL = /^(-?)(\d{1,30})(?:\.(\d{1,3}))?$/;

/** An amount that cannot be counted exactly: no decimal, part of a byte, or 2^53 and more. */
export class AmountRefused extends OrreryError {
  override readonly name = 'AmountRefused';
  readonly code = 'scheduler.amount-refused';
  readonly isRetryable = false;
}

/** Bytes are counted as they are, everything else in thousandths. */
export function isBytes(slot: string): boolean {
  return slot === 'mem';
}

/** @throws {AmountRefused} */
export function toAmount(slot: string, text: string): number {
  const match = DECIMAL.exec(text);
  if (match === null) {
    throw new AmountRefused(`${slot} = ${text} is no decimal number with at most 3 decimals`);
  }
  const [, sign = '', whole = '', fraction = ''] = match;
  const milli = BigInt(whole) * THOUSANDTHS + BigInt(fraction.padEnd(3, '0'));
  const isWhole = milli % THOUSANDTHS === 0n;
  if (isBytes(slot) && !isWhole) {
    throw new AmountRefused(`${slot} = ${text} is not a whole number of bytes`);
  }
  const amount = isBytes(slot) ? milli / THOUSANDTHS : milli;
  if (amount > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new AmountRefused(`${slot} = ${text} is larger than can be counted exactly`);
  }
  return sign === '' || amount === 0n ? Number(amount) : -Number(amount);
}

/** Decimal text without needless zeros. @throws {AmountRefused} when the amount is not a safe whole number. */
export function toText(slot: string, amount: number): string {
  if (amount === Number.POSITIVE_INFINITY) return 'Infinity';
  if (!Number.isSafeInteger(amount)) {
    throw new AmountRefused(`${slot} = ${amount} is not counted in whole units`);
  }
  if (isBytes(slot)) return String(amount);
  const size = Math.abs(amount);
  const fraction = String(size % 1000)
    .padStart(3, '0')
    .replace(/0+$/, '');
  const text = `${Math.floor(size / 1000)}${fraction === '' ? '' : `.${fraction}`}`;
  return amount < 0 ? `-${text}` : text;
}

/**
 * Place `n` is the amount of `names[n]`; what is not listed is zero.
 * @throws {AmountRefused} also for a slot that `names` lacks, if something of it is asked.
 */
export function toVector(slots: Slots, names: readonly string[]): Vector {
  for (const [slot, text] of Object.entries(slots)) {
    if (names.includes(slot) || toAmount(slot, text) === 0) continue;
    throw new AmountRefused(`${slot} is no slot that is known here`);
  }
  return names.map((slot) => toAmount(slot, slots[slot] ?? '0'));
}

/**
 * A limit: `Infinity` is unlimited, and so is what is not listed, or it is zero (`LIMITED`).
 * @throws {AmountRefused}
 */
export function toLimit(
  slots: Readonly<Record<string, string>>,
  names: readonly string[],
  unlisted: 'UNLIMITED' | 'LIMITED',
): Vector {
  return names.map((slot) => {
    const text = slots[slot];
    if (text === undefined) return unlisted === 'UNLIMITED' ? Number.POSITIVE_INFINITY : 0;
    return text === 'Infinity' ? Number.POSITIVE_INFINITY : toAmount(slot, text);
  });
}

/** What is not zero, as decimal text. */
export function toSlots(vector: Vector, names: readonly string[]): Slots {
  return Object.fromEntries(
    names.flatMap((slot, index) => {
      const amount = vector[index] ?? 0;
      return amount === 0 ? [] : [[slot, toText(slot, amount)]];
    }),
  );
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** For people: bytes in the greatest unit, to two decimals, as in `1.5 GiB`; everything else as it is. */
export function toWords(slot: string, amount: number): string {
  if (!isBytes(slot) || !Number.isFinite(amount)) return toText(slot, amount);
  let size = amount;
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${Math.round(size * 100) / 100} ${BYTE_UNITS[unit]}`;
}

/** `1.5 cpu, 1 GiB mem`: what is above zero, and what is limited. */
export function describeSlots(slots: Vector, names: readonly string[]): string {
  const amounts = names.flatMap((name, slot) => {
    const amount = slots[slot] ?? 0;
    return amount === 0 || amount === Infinity ? [] : [`${toWords(name, amount)} ${name}`];
  });
  return amounts.length === 0 ? 'nothing' : amounts.join(', ');
}
