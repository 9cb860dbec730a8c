import { OrreryError } from './errors.ts';

const EXIT_FAILED = 1;

/**
 * Runs a process to its end. What fails on purpose (a wrong setting, a credential that is refused) is said
 * in one sentence; a defect keeps its stack.
 */
export async function runProgram(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${name}: ${sentence(error)}\n`);
    process.exitCode = EXIT_FAILED;
    // What was opened before must not keep a process alive that cannot do its work.
    process.exit();
  }
}

function sentence(error: unknown): string {
  if (error instanceof OrreryError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
