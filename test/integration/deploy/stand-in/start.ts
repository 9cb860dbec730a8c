import { join } from 'node:path';
import { DeployFailure } from '../../../../deploy/embedded/failure.ts';
import { parseStartOptions } from '../../../../deploy/embedded/options.ts';
import { chooseReporter } from '../../../../deploy/embedded/reporter.ts';
import { supervise } from '../../../../deploy/embedded/start.ts';

/** `orrery start` with the stand-ins in place of our own processes; the two servers are real. */
const reporter = chooseReporter();
try {
  process.exitCode = await supervise(parseStartOptions(process.argv.slice(2)), reporter, (name) =>
    join(import.meta.dirname, `${name}.ts`),
  );
} catch (error) {
  if (!(error instanceof DeployFailure)) throw error;
  reporter.say(error.message);
  process.exitCode = error.exitCode;
}
