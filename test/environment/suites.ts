import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repeat } from '../../deploy/embedded/clock.ts';

/** Runs the suites in the files named on the command line, as uvu's own command does. */
declare global {
  var UVU_DEFER: number;
  var UVU_INDEX: number;
  var UVU_QUEUE: unknown[][];
}

const LEFT_OPEN_MS = 3_000;

// uvu looks at these when it is loaded.
globalThis.UVU_DEFER = 1;
globalThis.UVU_QUEUE = [];
const { exec } = await import('uvu');
for (const [index, file] of process.argv.slice(2).entries()) {
  globalThis.UVU_INDEX = index;
  globalThis.UVU_QUEUE.push([basename(file)]);
  await import(pathToFileURL(file).href);
}
await exec();
// A suite that leaves something open must not hold up the others, but it is told.
repeat(() => {
  const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
  process.stderr.write(`still open after the last test: ${open}\n`);
  process.exit();
}, LEFT_OPEN_MS);
