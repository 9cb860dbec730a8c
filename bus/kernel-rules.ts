import { parseByteSize, type Slots, toAmounts } from './slots.ts';

/** What one kernel asks for, and what its image says of itself. */
export interface KernelAsked {
  readonly slots: Slots;
  /** Of `/dev/shm`, a part of `mem`. */
  readonly sharedMemoryBytes?: number | undefined;
  /** `ai.backend.resource.min.*` and `.max.*` are looked at. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface KernelRefused {
  readonly code:
    | 'below-image-minimum'
    | 'above-image-maximum'
    | 'shared-memory-too-large'
    | 'slots-exclusive'
    | 'slot-not-one'
    | 'slot-not-whole'
    | 'slot-not-multiple';
  readonly message: string;
  /** Its name, or `shared-memory`. */
  readonly slot: string;
}

/** Shares of a device are given in hundredths (reference: default of the quantum). */
const QUANTUM_THOUSANDTHS = 10n;
const ONE_THOUSANDTHS = 1000n;

const MINIMUM = 'ai.backend.resource.min.';
const MAXIMUM = 'ai.backend.resource.max.';
const PREFERRED_SHARED_MEMORY = 'ai.backend.resource.preferred.shmem';

/** Bytes that the image would have for `/dev/shm`, if it says so. */
export function preferredSharedMemory(labels: KernelAsked['labels']): number | undefined {
  const bytes = parseByteSize(labels[PREFERRED_SHARED_MEMORY] ?? '');
  return bytes === undefined || bytes === 0n ? undefined : Number(bytes);
}

/** The first rule that it breaks (reference: computing a kernel's request). */
export function refusalOfKernel(asked: KernelAsked): KernelRefused | undefined {
  return refusalOfDevices(asked.slots) ?? refusalOfSharedMemory(asked) ?? refusalByImage(asked);
}

/** Whether these slots can be asked for together, and in these amounts. */
export function refusalOfDevices(slots: Slots): KernelRefused | undefined {
  const kinds = new Map<string, { readonly kind: string; readonly slot: string }>();
  for (const [slot, amount] of Object.entries(toAmounts(slots))) {
    const [device = '', kind] = slot.split('.');
    if (kind === undefined || amount === 0n) continue;
    const fault = amountFault(slot, kind, amount);
    if (fault !== undefined) return fault;
    const way = kind.startsWith('mig-') ? 'mig' : kind;
    const other = kinds.get(device);
    if (other !== undefined && other.kind !== way) return exclusive(slot, other.slot);
    kinds.set(device, { kind: way, slot });
  }
  return undefined;
}

function amountFault(slot: string, kind: string, amount: bigint): KernelRefused | undefined {
  if (kind.startsWith('mig-') && amount !== ONE_THOUSANDTHS)
    return { code: 'slot-not-one', message: `of ${slot} a kernel has exactly one`, slot };
  if (kind === 'shares' && amount % QUANTUM_THOUSANDTHS !== 0n)
    return { code: 'slot-not-multiple', message: `${slot} is given in multiples of 0.01`, slot };
  if (kind !== 'shares' && amount % ONE_THOUSANDTHS !== 0n)
    return { code: 'slot-not-whole', message: `${slot} is given in whole devices`, slot };
  return undefined;
}

function exclusive(slot: string, other: string): KernelRefused {
  const message = `${other} and ${slot} exclude each other: ask for one of them`;
  return { code: 'slots-exclusive', message, slot };
}

function refusalOfSharedMemory({
  slots,
  sharedMemoryBytes = 0,
}: KernelAsked): KernelRefused | undefined {
  const memoryBytes = Number(slots['mem'] ?? '0');
  if (sharedMemoryBytes === 0 || sharedMemoryBytes < memoryBytes) return undefined;
  const message = `shared memory is less than the memory (s:${sharedMemoryBytes}, m:${memoryBytes})`;
  return { code: 'shared-memory-too-large', message, slot: 'shared-memory' };
}

function refusalByImage({
  slots,
  sharedMemoryBytes = 0,
  labels,
}: KernelAsked): KernelRefused | undefined {
  const asked = toAmounts(slots);
  for (const [slot, least, text] of amountsOf(labels, MINIMUM)) {
    const needed = slot === 'mem' ? least + BigInt(sharedMemoryBytes) * ONE_THOUSANDTHS : least;
    if ((asked[slot] ?? 0n) >= needed) continue;
    const besides = slot === 'mem' && sharedMemoryBytes > 0 ? ' besides the shared memory' : '';
    const message = `the image needs at least ${text} ${slot}${besides}`;
    return { code: 'below-image-minimum', message, slot };
  }
  for (const [slot, most, text] of amountsOf(labels, MAXIMUM)) {
    if ((asked[slot] ?? 0n) <= most) continue;
    return {
      code: 'above-image-maximum',
      message: `the image takes at most ${text} ${slot}`,
      slot,
    };
  }
  return undefined;
}

/** Slots of the labels in thousandths, with what was written; what is no amount says nothing. */
function amountsOf(
  labels: KernelAsked['labels'],
  prefix: string,
): readonly (readonly [string, bigint, string])[] {
  return Object.entries(labels).flatMap(([label, text]) => {
    if (!label.startsWith(prefix)) return [];
    const slot = label.slice(prefix.length);
    const amount = slot === 'mem' ? parseByteSize(text)?.toString() : text;
    if (amount === undefined || !AMOUNT.test(amount)) return [];
    return [[slot, toAmounts({ [slot]: amount })[slot] ?? 0n, text] as const];
  });
}

const AMOUNT = /^\d{1,18}(\.\d{1,3})?$/;
