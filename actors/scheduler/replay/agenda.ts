/** What a replay will do later. */
export interface Appointment {
  readonly key: string;
  readonly atMs: number;
  /** The recorded turn of which it is a part, if it comes when it came then; else after all of that moment. */
  readonly turn: number;
}

/** Appointments by their moment; a key has one at most. */
export class Agenda {
  readonly #heap: Appointment[] = [];
  readonly #newest = new Map<string, Appointment>();

  /** In place of the one that the key had. */
  set(appointment: Appointment): void {
    this.#newest.set(appointment.key, appointment);
    if (appointment.atMs === Number.POSITIVE_INFINITY) return;
    this.#heap.push(appointment);
    this.#rise(this.#heap.length - 1);
  }

  find(key: string): Appointment | undefined {
    return this.#newest.get(key);
  }

  remove(key: string): void {
    this.#newest.delete(key);
  }

  first(): Appointment | undefined {
    for (;;) {
      const [first] = this.#heap;
      if (first === undefined || this.#newest.get(first.key) === first) return first;
      this.#drop();
    }
  }

  #drop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    for (let index = from; index > 0; ) {
      const above = (index - 1) >> 1;
      if (!this.#swapIfBefore(index, above)) return;
      index = above;
    }
  }

  #sink(): void {
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      const below = isBefore(this.#heap[right], this.#heap[left]) ? right : left;
      if (!this.#swapIfBefore(below, index)) return;
      index = below;
    }
  }

  #swapIfBefore(lower: number, upper: number): boolean {
    const [below, above] = [this.#heap[lower], this.#heap[upper]];
    if (below === undefined || above === undefined || !isBefore(below, above)) return false;
    this.#heap[lower] = above;
    this.#heap[upper] = below;
    return true;
  }
}

function isBefore(left: Appointment | undefined, right: Appointment | undefined): boolean {
  if (left === undefined) return false;
  if (right === undefined || left.atMs !== right.atMs) return left.atMs < (right?.atMs ?? Infinity);
  if (left.turn !== right.turn) return left.turn < right.turn;
  return left.key < right.key;
}
