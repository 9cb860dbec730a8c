/** Lets one at a time in, in the order in which they came. */
export class Gate {
  #last: Promise<unknown> = Promise.resolve();

  enter<Value>(work: () => Promise<Value>): Promise<Value> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
