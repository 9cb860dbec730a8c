import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { systemClock } from '@orrery/bus/clock';

enableCompileCache();
const { runCli } = await import('./cli.ts');

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// Written to with callbacks that tell the failure; without a listener the process would die of it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const exitCode = await runCli({
  argv: process.argv.slice(2),
  env: process.env,
  homeDirectory: homedir(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  onInterrupt: (listener) => {
    for (const name of INTERRUPTS) process.on(name, listener);
  },
});

// A socket that closes slowly or an open standard input must not hold the process back.
process.exit(exitCode);
