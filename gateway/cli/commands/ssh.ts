import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { OutcomeUnwanted } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';

export interface SshOptions extends GlobalOptions {
  readonly identity?: string;
  readonly forward?: readonly string[];
  readonly kernel?: string;
}

/** A name of its own in the file of known hosts, so that its address may change. */
const HOST_ALIAS = 'orrery';
const SIGNALLED = 128;

/** Runs the machine's own ssh, and ends as it ends. JSON: how to reach the session, and nothing is run. */
export async function openSsh(
  context: CommandContext,
  {
    reference,
    command,
    options,
  }: {
    readonly reference: string;
    readonly command: readonly string[];
    readonly options: SshOptions;
  },
): Promise<number | undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const server = await client.ssh.server(signal);
  if (server === undefined)
    throw new OutcomeUnwanted('ssh-off', 'the gateway does not let anybody in over SSH');
  const user = options.kernel === undefined ? id : `${id}+${options.kernel}`;
  const host = server.host ?? new URL(client.endpoint).hostname.replace(/^\[|\]$/g, '');
  const { port, hostKeys } = server;
  if (output.isJson) {
    await output.result({ host, port, user, hostKeys }, () => []);
    return undefined;
  }
  const directory = await mkdtemp(join(tmpdir(), 'orrery-ssh-'));
  try {
    const known = join(directory, 'known_hosts');
    await writeFile(known, hostKeys.map((key) => `${HOST_ALIAS} ${key}\n`).join(''));
    const given = command[0] === '--' ? command.slice(1) : command;
    const { identity, forward = [] } = options;
    return await run([
      ...['-p', String(port), '-l', user],
      ...['-o', `HostKeyAlias=${HOST_ALIAS}`, '-o', 'StrictHostKeyChecking=yes'],
      ...['-o', `UserKnownHostsFile="${known}"`, '-o', 'GlobalKnownHostsFile=/dev/null'],
      ...(identity === undefined ? [] : ['-i', identity, '-o', 'IdentitiesOnly=yes']),
      ...forward.flatMap((each) => ['-L', each]),
      ...['--', host, ...given],
    ]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(args: readonly string[]): Promise<number> {
  const child = spawn('ssh', args, { stdio: 'inherit' });
  return await new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new OutcomeUnwanted(
          'ssh-missing',
          `the program ssh cannot be run here (${cause.message}); install the client of OpenSSH`,
        ),
      ),
    );
    child.once('exit', (code, name) =>
      resolve(code ?? SIGNALLED + (name === null ? 0 : constants.signals[name])),
    );
  });
}
