import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeployFailure } from './embedded/failure.ts';
import type { ProcessName } from './embedded/plans.ts';
import type { Reporter } from './embedded/reporter.ts';

const self = fileURLToPath(import.meta.url);
const root = dirname(dirname(self));

const [word, ...rest] = process.argv.slice(2);
if (word === 'start' || word === 'stop' || word === 'serve') await operate(word);
else if (word === 'admin' && rest[0] === 'nats-config')
  become(join(root, 'bus', 'admin', 'nats-config.ts'), rest.slice(1));
else await becomeCli();

async function operate(verb: 'start' | 'stop' | 'serve'): Promise<void> {
  const { chooseReporter, parentProcess } = await import('./embedded/reporter.ts');
  const reporter = chooseReporter();
  const isDetached = reporter === parentProcess;
  try {
    process.exitCode = await { start, stop, serve }[verb](reporter, isDetached);
  } catch (error) {
    const failure = error instanceof DeployFailure ? error : undefined;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    reporter.say(`orrery: ${failure?.message ?? `internal failure: ${text}`}`);
    process.exitCode = failure?.exitCode ?? 1;
  }
  // Whatever a set-up that was cut short still waits for must not keep the command alive.
  await reporter.flush();
  process.exit();
}

async function start(reporter: Reporter, isDetached: boolean): Promise<number> {
  const { parseStartOptions } = await import('./embedded/options.ts');
  const options = parseStartOptions(rest);
  if (options.isDetached && !isDetached) {
    const { detach } = await import('./embedded/detach.ts');
    return detach(self, ['start', ...rest], reporter);
  }
  const { supervise } = await import('./embedded/start.ts');
  return supervise(options, reporter);
}

async function stop(reporter: Reporter): Promise<number> {
  const { parseStopOptions } = await import('./embedded/options.ts');
  const path = parseStopOptions(rest);
  await (await import('./embedded/stop.ts')).stop(path, reporter.say);
  return 0;
}

/** Becomes one process of an installation, under the same process number. */
async function serve(): Promise<number> {
  const { mainPath, mains } = await import('./embedded/plans.ts');
  const [name = '', ...args] = rest;
  if (!isProcessName(name, mains))
    throw new DeployFailure(
      'deploy.option-invalid',
      `usage: orrery serve ${Object.keys(mains).join('|')} --config FILE`,
    );
  return become(mainPath(name), args);
}

function isProcessName(name: string, mains: object): name is ProcessName {
  return Object.hasOwn(mains, name);
}

async function becomeCli(): Promise<void> {
  become(join(root, 'gateway', 'cli', 'main.ts'), process.argv.slice(2));
}

function become(main: string, args: readonly string[]): never {
  if (process.execve === undefined) throw new Error('this Node cannot replace a process');
  const { execPath, execArgv, env } = process;
  return process.execve(execPath, [execPath, ...execArgv, main, ...args], env);
}
