import { randomBytes } from 'node:crypto';
import type { Logger } from '@orrery/bus';
import { AppRefused } from './errors.ts';
import type { KernelShell } from './kernel-shell.ts';
import type { PrestartAction } from './service-definition.ts';
import { interpolate, type TemplateValue, type TemplateVariables } from './template.ts';

const NAME_BYTES = 8;
const SAID_CHARACTERS_MAX = 1_000;
/** Arguments: the file, its mode, its content. What is there keeps its place, so that links to it hold. */
const WRITE = 'printf %s "$3" >"$1" && chmod "$2" "$1"';
const APPEND = 'printf %s "$3" >>"$1" && chmod "$2" "$1"';
/** Never over what somebody laid there. */
const WRITE_NEW = 'set -C; umask 077; printf %s "$3" >"$1" && chmod "$2" "$1"';

interface PrestartParts {
  readonly shell: KernelShell;
  readonly logger: Logger;
  readonly app: string;
}

/**
 * Does what is to be done before the start, in order, and gives the variables with the results.
 * @throws {AppRefused} `app-prestart-failed` | `app-template-invalid`
 */
export async function carryOutPrestart(
  parts: PrestartParts,
  actions: readonly PrestartAction[],
  variables: TemplateVariables,
): Promise<TemplateVariables> {
  let known = variables;
  for (const action of actions) {
    const result = await carryOut(parts, action, known);
    if (action.ref !== undefined && result !== undefined)
      known = { ...known, [action.ref]: result };
  }
  return known;
}

async function carryOut(
  { shell, logger, app }: PrestartParts,
  { action, args }: PrestartAction,
  variables: TemplateVariables,
): Promise<TemplateValue | undefined> {
  const filled = (text: string): string => interpolate(text, variables);
  const must = async (command: readonly string[]): Promise<void> => {
    const { exitCode, err } = await shell.run(command);
    if (exitCode === 0) return;
    const said = err.trim().slice(0, SAID_CHARACTERS_MAX);
    throw new AppRefused('app-prestart-failed', `${action} of the app ${app} failed: ${said}`);
  };
  switch (action) {
    case 'write_file': {
      const content = args.body.map((line) => `${filled(line)}\n`).join('');
      const script = args.append ? APPEND : WRITE;
      await must(['sh', '-c', script, 'sh', filled(args.filename), args.mode, content]);
      return undefined;
    }
    case 'write_tempfile': {
      const path = `/tmp/orrery-${randomBytes(NAME_BYTES).toString('hex')}.py`;
      const content = args.body.map(filled).join('');
      await must(['sh', '-c', WRITE_NEW, 'sh', path, args.mode, content]);
      return path;
    }
    case 'mkdir':
      await must(['mkdir', '-p', '--', filled(args.path)]);
      return undefined;
    case 'run_command': {
      const { out, err } = await shell.run(args.command.map(filled));
      if (args.echo) logger.info({ app, out, err }, 'a command before the start of an app');
      return { out, err };
    }
    case 'log': {
      const level = args.debug ? 'debug' : 'info';
      logger[level]({ app, said: filled(args.message) }, 'before the start of an app');
      return undefined;
    }
  }
}
