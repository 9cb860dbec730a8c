import { err, ok, type Result, type Slots } from '@orrery/bus';
import { AmountRefused, toAmount, toText, toWords } from './amounts.ts';

/** A kind of slot that the cluster knows. */
export interface SlotType {
  readonly name: string;
  readonly kind: 'count' | 'bytes' | 'unique';
  /** Asked for more than zero, whatever the session. */
  readonly isRequired: boolean;
  /** Names that may not be asked for together with it; `*` stands for anything. */
  readonly exclusiveWith: readonly string[];
}

/** What a kernel asks for, as it came in; amounts are decimal text. */
export interface KernelResources {
  readonly resources: Readonly<Record<string, string>>;
  /** Bytes of `/dev/shm`, a part of `mem`. */
  readonly shmemBytes: number;
  /** Labels `ai.backend.resource.min.*` and `.max.*` of the image. */
  readonly image: {
    readonly minimum: Readonly<Record<string, string>>;
    readonly maximum: Readonly<Record<string, string>>;
  };
}

export interface RequestRefused {
  readonly code:
    | 'unknown-slot'
    | 'amount-refused'
    | 'below-image-minimum'
    | 'above-image-maximum'
    | 'shmem-too-large'
    | 'required-slot-missing'
    | 'exclusive-slots'
    | 'unique-slot-not-one';
  readonly message: string;
}

/** Reference: intrinsic slots, and the device kinds that exclude each other. */
export const DEFAULT_SLOT_TYPES: readonly SlotType[] = [
  {
    name: 'cuda.device',
    kind: 'count',
    isRequired: false,
    exclusiveWith: ['cuda.shares', 'cuda.mig-*'],
  },
  {
    name: 'cuda.shares',
    kind: 'count',
    isRequired: false,
    exclusiveWith: ['cuda.device', 'cuda.mig-*'],
  },
  { name: 'rocm.device', kind: 'count', isRequired: false, exclusiveWith: [] },
  { name: 'tpu.device', kind: 'count', isRequired: false, exclusiveWith: [] },
  { name: 'cpu', kind: 'count', isRequired: true, exclusiveWith: [] },
  { name: 'mem', kind: 'bytes', isRequired: true, exclusiveWith: [] },
];

type Amounts = ReadonlyMap<string, number>;

/**
 * The slots of one kernel (reference: computing a kernel's request): what is missing of cpu and mem comes from
 * the image, and the whole has to make sense.
 */
export function requestOf(
  kernel: KernelResources,
  types: readonly SlotType[] = DEFAULT_SLOT_TYPES,
): Result<Slots, RequestRefused> {
  try {
    return compute(kernel, types);
  } catch (error) {
    if (!(error instanceof AmountRefused)) throw error;
    return refuse('amount-refused', error.message);
  }
}

function compute(
  { resources, shmemBytes, image }: KernelResources,
  types: readonly SlotType[],
): Result<Slots, RequestRefused> {
  const names = new Set(types.map(({ name }) => name));
  const unknown = Object.keys(resources).find((slot) => !names.has(slot));
  if (unknown !== undefined) return refuse('unknown-slot', `Unknown slot type: ${unknown}`);
  const minimum = amountsOf(image.minimum, names);
  const leastMem = (minimum.get('mem') ?? 0) + shmemBytes;
  const least = new Map([...minimum, ['mem', leastMem]]);
  const asked = new Map(amountsOf(resources, names));
  for (const slot of ['cpu', 'mem']) {
    if ((asked.get(slot) ?? 0) === 0) asked.set(slot, least.get(slot) ?? 0);
  }
  const fault =
    outsideImage(asked, least, amountsOf(image.maximum, names)) ??
    tooMuchShmem(asked, shmemBytes) ??
    types.map((type) => faultOf(type, asked)).find((each) => each !== undefined);
  if (fault !== undefined) return err(fault);
  return ok(textOf(asked));
}

function amountsOf(slots: Readonly<Record<string, string>>, names: ReadonlySet<string>): Amounts {
  return new Map(
    Object.entries(slots)
      .filter(([slot]) => names.has(slot))
      .map(([slot, text]) => {
        const amount = toAmount(slot, text);
        if (amount < 0) throw new AmountRefused(`${slot} = ${text} is below zero`);
        return [slot, amount];
      }),
  );
}

function outsideImage(asked: Amounts, least: Amounts, most: Amounts): RequestRefused | undefined {
  for (const [slot, amount] of least) {
    if ((asked.get(slot) ?? 0) >= amount) continue;
    const message = `Your resource request is smaller than the minimum required by the image. (${describe(least)})`;
    return { code: 'below-image-minimum', message };
  }
  for (const [slot, amount] of most) {
    if ((asked.get(slot) ?? 0) <= amount) continue;
    const message = `Your resource request is larger than the maximum allowed by the image. (${describe(most)})`;
    return { code: 'above-image-maximum', message };
  }
  return undefined;
}

function tooMuchShmem(asked: Amounts, shmemBytes: number): RequestRefused | undefined {
  const memBytes = asked.get('mem') ?? 0;
  if (shmemBytes < memBytes || (shmemBytes === 0 && memBytes === 0)) return undefined;
  const message = `Shared memory should be less than the main memory. (s:${toWords('mem', shmemBytes)}, m:${toWords('mem', memBytes)})`;
  return { code: 'shmem-too-large', message };
}

function faultOf(
  { name, kind, isRequired, exclusiveWith }: SlotType,
  asked: Amounts,
): RequestRefused | undefined {
  const amount = asked.get(name) ?? 0;
  if (isRequired && amount === 0) {
    return { code: 'required-slot-missing', message: `Something of ${name} has to be asked for.` };
  }
  if (amount === 0) return undefined;
  if (kind === 'unique' && amount !== 1000) {
    const message = `Of ${name} a kernel can have exactly one, not ${toText(name, amount)}.`;
    return { code: 'unique-slot-not-one', message };
  }
  const other = [...asked].find(
    ([slot, much]) =>
      slot !== name && much > 0 && exclusiveWith.some((pattern) => matches(slot, pattern)),
  );
  if (other === undefined) return undefined;
  const message = `${name} and ${other[0]} cannot be asked for together.`;
  return { code: 'exclusive-slots', message };
}

function matches(slot: string, pattern: string): boolean {
  const [head = '', ...tail] = pattern.split('*');
  if (tail.length === 0) return slot === pattern;
  return slot.startsWith(head) && slot.endsWith(tail.at(-1) ?? '');
}

function textOf(amounts: Amounts): Slots {
  return Object.fromEntries(
    [...amounts]
      .filter(([, amount]) => amount > 0)
      .map(([slot, amount]) => [slot, toText(slot, amount)]),
  );
}

function describe(amounts: Amounts): string {
  return [...amounts].map(([slot, amount]) => `${slot}=${toWords(slot, amount)}`).join(', ');
}

function refuse(code: RequestRefused['code'], message: string): Result<Slots, RequestRefused> {
  return err({ code, message });
}
