/** What is under way in one turn: its commits lie behind `after` in the log. */
export interface UnsaidTurn {
  readonly after: number;
}

/**
 * How far the commits of a partition are said. A turn begins before its commit is written and ends when all
 * that follows from it is in force elsewhere and its alarm lies on the bus: what lies up to the mark needs
 * nobody's care any more, what lies behind it is said again by an heir.
 */
export class SaidMark {
  /** Newest place in the log that is known: whatever is written later lies behind it. */
  #newest = 0;
  readonly #turns = new Set<UnsaidTurn>();

  /** `after`: of what may have been written earlier already. */
  begin(after: number = this.#newest): UnsaidTurn {
    const turn = { after };
    this.#turns.add(turn);
    return turn;
  }

  end(turn: UnsaidTurn): void {
    this.#turns.delete(turn);
  }

  /** The log has grown up to here; what is under way began before. */
  reach(sequence: number): void {
    this.#newest = Math.max(this.#newest, sequence);
  }

  upTo(): number {
    let lowest = this.#newest;
    for (const { after } of this.#turns) lowest = Math.min(lowest, after);
    return lowest;
  }
}
