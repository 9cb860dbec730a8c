import type { Launch } from './launch.ts';

/** What the supervisor has to know of one of its processes. */
export interface ProcessPlan {
  readonly name: string;
  /** Names of the processes that must have been ready before it is started the first time. */
  readonly after: readonly string[];
  /** Called before each start; may clear what a killed predecessor left behind. */
  launch(): Promise<Launch>;
  /** Asked after each start until it says yes; `output` is what the process wrote since then. */
  isReady(output: () => string): Promise<boolean>;
  readonly stopSignal: NodeJS.Signals;
  /** After this it is killed. */
  readonly stopWithinMs: number;
}
