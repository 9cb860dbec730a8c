/**
 * Amounts by place in the situation's `slots`: bytes, or thousandths of a unit. Whole numbers below 2^53, so
 * sums and comparisons are exact.
 */
export type Vector = readonly number[];

export function fits(request: Vector, free: Vector): boolean {
  for (let slot = 0; slot < request.length; slot += 1) {
    const amount = request[slot] ?? 0;
    if (amount > 0 && amount > (free[slot] ?? 0)) return false;
  }
  return true;
}

export function plus(left: Vector, right: Vector): Vector {
  const result = new Array<number>(left.length);
  for (let slot = 0; slot < left.length; slot += 1) {
    result[slot] = (left[slot] ?? 0) + (right[slot] ?? 0);
  }
  return result;
}

export function minus(left: Vector, right: Vector): Vector {
  return left.map((amount, slot) => amount - (right[slot] ?? 0));
}

export function sum(vectors: readonly Vector[], length: number): Vector {
  return vectors.reduce(plus, zero(length));
}

export function zero(length: number): Vector {
  return new Array<number>(length).fill(0);
}

/** What `free` lacks of `request`; zero where it is enough. */
export function shortfall(request: Vector, free: Vector): Vector {
  return request.map((amount, slot) => Math.max(0, amount - Math.max(0, free[slot] ?? 0)));
}

/** The largest amount of each slot, each from whatever vector has it. */
export function largest(vectors: Iterable<Vector>, length: number): Vector {
  const result = new Array<number>(length).fill(0);
  for (const vector of vectors) {
    for (let slot = 0; slot < length; slot += 1) {
      const amount = vector[slot] ?? 0;
      if (amount > (result[slot] ?? 0)) result[slot] = amount;
    }
  }
  return result;
}

/** Slots of which something is asked, as text that tells sets apart. */
export function setOf(request: Vector): string {
  let text = '';
  for (let slot = 0; slot < request.length; slot += 1) {
    if ((request[slot] ?? 0) > 0) text += `${slot},`;
  }
  return text;
}
