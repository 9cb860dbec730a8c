import { z } from 'zod';

/**
 * Amounts of resource slots by name (`cpu` in cores, `mem` in bytes, `cuda.device` in devices, …) as
 * decimal text with at most three decimals, so nothing is lost on the way (reference: resource slots).
 */
export const Slots = z.record(
  z.string().regex(/^[a-z][a-z0-9]*(\.[a-z0-9-]+)?$/, 'a slot is named device or device.kind'),
  z
    .string()
    .regex(/^\d{1,18}(\.\d{1,3})?$/, 'an amount is a decimal number with at most 3 decimals'),
);
export type Slots = Readonly<z.infer<typeof Slots>>;

const THOUSANDTHS = 1000n;

/** Thousandths of the amount. @throws when the text is no amount; past the door it always is. */
function thousandths(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole) * THOUSANDTHS + BigInt(fraction.padEnd(3, '0'));
}

function format(amount: bigint): string {
  const sign = amount < 0n ? '-' : '';
  const size = amount < 0n ? -amount : amount;
  const fraction = (size % THOUSANDTHS).toString().padStart(3, '0').replace(/0+$/, '');
  return `${sign}${size / THOUSANDTHS}${fraction === '' ? '' : `.${fraction}`}`;
}

function combine(left: Slots, right: Slots, sum: (left: bigint, right: bigint) => bigint): Slots {
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  const entries = [...names].map((name) => {
    const amount = sum(signed(left[name] ?? '0'), signed(right[name] ?? '0'));
    return [name, format(amount)] as const;
  });
  return Object.fromEntries(entries);
}

function signed(amount: string): bigint {
  return amount.startsWith('-') ? -thousandths(amount.slice(1)) : thousandths(amount);
}

/** Thousandths by slot name: what a scheduler counts in. Past zero is allowed. */
export type Amounts = Readonly<Record<string, bigint>>;

export function toAmounts(slots: Slots): Amounts {
  return Object.fromEntries(Object.entries(slots).map(([name, amount]) => [name, signed(amount)]));
}

export function fromAmounts(amounts: Amounts): Slots {
  return Object.fromEntries(
    Object.entries(amounts).map(([name, amount]) => [name, format(amount)]),
  );
}

export function addSlots(left: Slots, right: Slots): Slots {
  return combine(left, right, (a, b) => a + b);
}

/** May go below zero: a node that shrank under its allocations has negative slots left. */
export function subtractSlots(left: Slots, right: Slots): Slots {
  return combine(left, right, (a, b) => a - b);
}

/** Negative, zero or positive, as for `Array.sort`. Absent is zero. */
export function compareAmounts(left: string | undefined, right: string | undefined): number {
  const difference = signed(left ?? '0') - signed(right ?? '0');
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The slots of `wanted` that `available` cannot give, with the amount that is missing. */
export function missingSlots(wanted: Slots, available: Slots): Slots {
  const short = Object.keys(wanted).filter(
    (name) => compareAmounts(wanted[name], available[name]) > 0,
  );
  return Object.fromEntries(
    short.map((name) => [
      name,
      format(signed(wanted[name] ?? '0') - signed(available[name] ?? '0')),
    ]),
  );
}

const BYTE_UNITS = 'kmgtpezy';

/**
 * Bytes from text such as `512m`, `1.5 GiB` or `1073741824`; letters are powers of 1024.
 * @returns undefined when the text is no size.
 */
export function parseByteSize(text: string): bigint | undefined {
  const match =
    /^(\d+)(?:\.(\d{1,6}))?\s*(?:([kmgtpezy])(?:i?b|(?:i?bytes?))?|(?:b|bytes?)?)$/.exec(
      text.trim().toLowerCase().replaceAll('_', ''),
    );
  if (match === null) return undefined;
  const [, whole = '', fraction = '', unit] = match;
  if (whole.length > 21 || (unit === undefined && fraction !== '')) return undefined;
  const factor = unit === undefined ? 1n : 1024n ** BigInt(BYTE_UNITS.indexOf(unit) + 1);
  const scale = 10n ** BigInt(fraction.length);
  return (BigInt(whole + fraction) * factor) / scale;
}
