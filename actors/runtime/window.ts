/** A limit on what is under way at once. */
export interface Window {
  /** Resolves when there is room, in order of asking. */
  enter(): Promise<void>;
  leave(): void;
}

export function createWindow(room: number): Window {
  let free = room;
  const waiting: (() => void)[] = [];
  return {
    enter: () => {
      if (free > 0) {
        free -= 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    leave: () => {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
