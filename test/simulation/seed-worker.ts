import { parentPort, workerData } from 'node:worker_threads';
import { simulate } from './cluster.ts';
import { type DefectName, defects } from './defects.ts';
import { noFaults } from './trouble.ts';

/** One thread that simulates the seeds it is told, one after the other, and tells each outcome. */
const { defect } = workerData as { readonly defect: DefectName | undefined };
const port = parentPort;

// Faults are errors thrown by the thousand, and nobody reads where they came from.
Error.stackTraceLimit = 0;

port?.on('message', (seed: number) => {
  simulate(seed, defect === undefined ? undefined : defects[defect]).then(
    (outcome) => port.postMessage(outcome),
    (error: unknown) =>
      port.postMessage({
        seed,
        violation: `the simulation itself failed: ${String(error)}`,
        faults: noFaults(),
        traceHash: '',
        commits: 0,
        wakes: 0,
        calls: 0,
      }),
  );
});
