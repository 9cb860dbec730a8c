import { readFileSync } from 'node:fs';

/**
 * Preloaded into a process (`node --import`): shifts its wall clock by the milliseconds in the file that
 * `CHAOS_CLOCK_FILE` names, which is read at the start and at every SIGUSR2. Timers go on as they were,
 * as they do when a machine's clock is set.
 */
const path = process.env['CHAOS_CLOCK_FILE'] ?? '';
const trueNowMs = Date.now;
let offsetMs = 0;

function readOffset(): void {
  offsetMs = Number(readFileSync(path, 'utf8'));
}

readOffset();
Date.now = () => trueNowMs() + offsetMs;
process.on('SIGUSR2', readOffset);
