import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DETACHED_VARIABLE, type Notice, type Reporter } from './reporter.ts';

/**
 * Starts `program` as a supervisor in a session of its own, tells `reporter` what it says, and
 * resolves with 0 once it is ready, or with its exit code when it ends first.
 */
export async function detach(
  program: string,
  args: readonly string[],
  reporter: Reporter,
): Promise<number> {
  const child = spawn(process.execPath, [program, ...args], {
    detached: true,
    // No descriptor of ours: whoever reads our output must not wait for the supervisor's end.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, [DETACHED_VARIABLE]: '1' },
  });
  const ready = new Promise<number>((resolve) => {
    child.on('message', (notice: Notice) => {
      if (notice.type === 'say') reporter.say(notice.line);
      else {
        reporter.ready(notice.url);
        resolve(0);
      }
    });
  });
  // Its last words come before the channel closes, which may be after its exit.
  const parted = once(child, 'disconnect');
  const ended = once(child, 'exit').then(async ([code]) => {
    await parted;
    return typeof code === 'number' ? code : 1;
  });
  const interrupt = (): void => {
    child.kill('SIGTERM');
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const exitCode = await Promise.race([ready, ended]);
  if (child.connected) child.disconnect();
  child.unref();
  return exitCode;
}
