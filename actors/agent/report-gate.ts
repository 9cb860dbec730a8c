/**
 * Lets all through who wait, then nobody until those are through: under load reports gather here, and those
 * of one kernel become one. Of all agents of a process together, which share a connection.
 */
export class ReportGate {
  #waiting: (() => Promise<void>)[] = [];
  #isOccupied = false;

  /** Resolves or rejects as `passage` does, which is called when its turn has come. */
  pass(passage: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => passage().then(resolve, reject));
      if (!this.#isOccupied) void this.#open();
    });
  }

  async #open(): Promise<void> {
    this.#isOccupied = true;
    while (this.#waiting.length > 0)
      await Promise.all(this.#waiting.splice(0).map((passage) => passage()));
    this.#isOccupied = false;
  }
}
