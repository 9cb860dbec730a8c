import {
  compareAmounts,
  err,
  ok,
  parseByteSize,
  type Rejection,
  type Result,
  Slots,
} from '@orrery/bus';

export const CPU_CORES_MAX = 4_096;
export const MEMORY_BYTES_MIN = 4n * 1024n ** 2n;
export const MEMORY_BYTES_MAX = 64n * 1024n ** 4n;
export const SLOT_AMOUNT_MAX = 1_000_000;
export const SLOT_NAMES_MAX = 16;

const AMOUNT = /^\d{1,9}(\.\d{1,3})?$/;

/** The slots of a kernel. Refused with `resources-invalid` and the input at fault. */
export function parseResources(input: {
  readonly cpu: string;
  readonly memory: string;
  readonly slots?: Readonly<Record<string, string>> | undefined;
}): Result<Slots, Rejection> {
  const { cpu, memory, slots: others = {} } = input;
  if (!isAmountWithin(cpu, CPU_CORES_MAX)) {
    return invalid(
      'cpu',
      `cpu is a number of cores over 0 and at most ${CPU_CORES_MAX}, with at most 3 decimals`,
    );
  }
  const bytes = parseByteSize(memory);
  if (bytes === undefined || bytes < MEMORY_BYTES_MIN || bytes > MEMORY_BYTES_MAX) {
    return invalid('memory', 'memory is a size from 4m to 64t, such as 512m or 1.5g');
  }
  if (Object.keys(others).length > SLOT_NAMES_MAX)
    return invalid('slots', `a kernel has at most ${SLOT_NAMES_MAX} further slots`);
  for (const [name, amount] of Object.entries(others)) {
    if (name === 'cpu' || name === 'mem')
      return invalid('slots', `${name} is not given among the further slots`);
    if (!isAmountWithin(amount, SLOT_AMOUNT_MAX))
      return invalid(
        'slots',
        `${name} is an amount over 0 and at most ${SLOT_AMOUNT_MAX}, with at most 3 decimals`,
      );
  }
  const slots = Slots.safeParse({ cpu: canonical(cpu), mem: bytes.toString(), ...others });
  return slots.success ? ok(slots.data) : invalid('slots', 'a slot is named device or device.kind');
}

function isAmountWithin(amount: string, most: number): boolean {
  return (
    AMOUNT.test(amount) &&
    compareAmounts(amount, '0') > 0 &&
    compareAmounts(amount, String(most)) <= 0
  );
}

/** Without zeros that say nothing: `01.50` is `1.5`. */
function canonical(amount: string): string {
  const [whole = '0', fraction = ''] = amount.split('.');
  const decimals = fraction.replace(/0+$/, '');
  return `${whole.replace(/^0+(?=\d)/, '')}${decimals === '' ? '' : `.${decimals}`}`;
}

function invalid(field: string, message: string): Result<never, Rejection> {
  return err({ code: 'resources-invalid', message, field });
}
