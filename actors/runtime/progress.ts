/** How far a log has been worked off when its messages end in another order than they began. */
export interface Progress {
  /** Sequences begin in rising order. */
  begin(sequence: number): void;
  end(sequence: number): void;
  /** The highest sequence with nothing unfinished at or below it. */
  doneUpTo(): number;
}

export function createProgress(start: number): Progress {
  /** In order of beginning, which is the order of the sequences. */
  const unfinished = new Set<number>();
  let newest = start;
  return {
    begin: (sequence) => {
      unfinished.add(sequence);
      newest = sequence;
    },
    end: (sequence) => {
      unfinished.delete(sequence);
    },
    doneUpTo: () => {
      const [oldest] = unfinished;
      return oldest === undefined ? newest : oldest - 1;
    },
  };
}
