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
  /** Where the log ended when the tenure began. */
  #start = 0;
  #inherited = 0;
  /** What this tenure has written behind that; undefined once nobody else can write any more. */
  #own: Set<number> | undefined;

  /** `after`: of what may have been written earlier already. */
  begin(after: number = this.#newest): UnsaidTurn {
    const turn = { after };
    this.#turns.add(turn);
    return turn;
  }

  end(turn: UnsaidTurn): void {
    this.#turns.delete(turn);
  }

  /**
   * The tenure begins when the log reaches up to a place, and what lies behind another is perhaps unsaid. From now
   * on it is told apart who writes: an earlier owner may, whose commits are on their way still.
   */
  watch({ after, upTo }: { readonly after: number; readonly upTo: number }): void {
    this.#start = upTo;
    this.#inherited = after;
    this.#own = new Set();
  }

  /** What was said of commands that are met again, having led to no commit, was said behind this place. */
  get inherited(): number {
    return this.#inherited;
  }

  /** Whoever had the partition before has written all that they ever will. */
  unwatch(): void {
    this.#own = undefined;
  }

  /** A commit of this tenure, or a strange one that it has taken care of. */
  wrote(sequence: number): void {
    this.#own?.add(sequence);
    this.reach(sequence);
  }

  /** Whether a commit was written during this tenure by somebody else, who cannot say it any more. */
  isStrange(sequence: number): boolean {
    return this.#own !== undefined && sequence > this.#start && !this.#own.has(sequence);
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
