import type { Connection, PseudoTtyInfo, ServerChannel, Session } from 'ssh2';
import type { Gateway } from '../gateway.ts';
import type { Login } from './login.ts';
import { type ProgramChannel, runProgram } from './program-channel.ts';
import { serveSftp } from './sftp-channel.ts';
import { forwardTcp } from './tcp-channel.ts';

/** Of one connection: shells, commands, transfers and forwarded ports together. */
export const CHANNELS_MAX = 256;
const VARIABLES_MAX = 64;
const VARIABLE_CHARACTERS_MAX = 4_096;
const SIDE_MAX = 1_000;

/** The best shell that the image has (reference: zsh, bash, ash, sh), as at a login. */
const SHELL = [
  'sh',
  '-c',
  'for s in zsh bash ash; do command -v "$s" >/dev/null 2>&1 && exec "$s" -l; done; exec sh -l',
];

/** What somebody who is signed in asks for on their connection, until it is closed. */
export function serveConnection(gateway: Gateway, client: Connection, login: Login): void {
  let channels = 0;
  const occupy = (channel: ServerChannel): void => {
    channels += 1;
    channel.once('close', () => {
      channels -= 1;
    });
  };
  const isFull = (): boolean => channels >= CHANNELS_MAX;
  client.on('session', (accept, reject) => {
    if (isFull()) return void reject();
    return serveSession(gateway, accept(), { login, occupy });
  });
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    if (isFull()) return void reject();
    const target = { host: destIP, port: destPort };
    void forwardTcp(gateway, login, target, {
      accept: () => {
        const channel = accept();
        occupy(channel);
        return channel;
      },
      reject,
    });
    return undefined;
  });
  // Nothing in a container listens for somebody outside of it.
  client.on('request', (_accept, reject) => reject?.());
}

interface Occupied {
  readonly login: Login;
  readonly occupy: (channel: ServerChannel) => void;
}

function serveSession(gateway: Gateway, session: Session, { login, occupy }: Occupied): void {
  const environ: Record<string, string> = {};
  let terminal: PseudoTtyInfo | undefined;
  let running: ProgramChannel | undefined;
  session.on('pty', (accept, _reject, info) => {
    terminal = info;
    accept?.();
  });
  session.on('env', (accept, reject, { key, val }) => {
    const isFine =
      /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(key) &&
      val.length <= VARIABLE_CHARACTERS_MAX &&
      Object.keys(environ).length < VARIABLES_MAX;
    if (!isFine) return reject?.();
    environ[key] = val;
    return accept?.();
  });
  session.on('window-change', (accept, _reject, { cols, rows }) => {
    running?.resize(sizeOf({ cols, rows }));
    accept?.();
  });
  session.on('signal', (accept, reject, { name }) => {
    if (running?.signal(name) === true) accept?.();
    else reject?.();
  });
  const run = (channel: ServerChannel, command: readonly string[]): void => {
    occupy(channel);
    const size = terminal && sizeOf(terminal);
    const variables = terminal === undefined ? environ : { TERM: terminal.term, ...environ };
    running = runProgram(gateway, login, channel, { command, environ: variables, terminal: size });
  };
  session.on('shell', (accept) => run(accept(), SHELL));
  session.on('exec', (accept, _reject, { command }) => run(accept(), ['sh', '-c', command]));
  session.on('sftp', (accept) => {
    const sftp = accept();
    void serveSftp(gateway, login, sftp);
  });
}

function sizeOf({ cols, rows }: { readonly cols: number; readonly rows: number }) {
  // A client without a terminal of its own knows of no size.
  const side = (count: number, usual: number): number => Math.min(count || usual, SIDE_MAX);
  return { columns: side(cols, 80), rows: side(rows, 24) };
}
