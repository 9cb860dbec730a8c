import { once } from 'node:events';
import type { RecordedCommit, Settings } from '@orrery/bus';
import ssh2, { type AuthContext, type Connection, type Server } from 'ssh2';
import type { Gateway, SshAccess } from '../gateway.ts';
import { loadHostKey } from './host-key.ts';
import { Login } from './login.ts';
import { serveConnection } from './serve-connection.ts';
import { isStillIn, signIn } from './sign-in.ts';

/** From the first byte until somebody is signed in. */
export const SIGN_IN_MS_MAX = 30_000;
/** Of one connection; a client shows each of its keys once. */
export const ATTEMPTS_MAX = 10;
/** Connections on which nobody is signed in yet. */
export const STRANGERS_MAX = 128;
/** What is still under way when the gateway closes has so long. */
const CLOSE_MS_MAX = 2_000;
const KEEP_ALIVE_MS = 15_000;
const KEEP_ALIVES_MISSED_MAX = 3;
/** Those that need no code of ours for each byte. */
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes256-ctr',
] as const;

type SshSettings = NonNullable<Settings['gateway']['ssh']>;

export interface SshServer {
  readonly access: SshAccess;
  /** Ends what is open, and resolves when it has ended. */
  close(): Promise<void>;
}

/** Sessions over SSH. Listens when it resolves. @throws {SettingsInvalid} for the host key. */
export async function startSshServer(gateway: Gateway, settings: SshSettings): Promise<SshServer> {
  const hostKey = loadHostKey(settings.hostKeyFile);
  const logins = new Set<Login>();
  let strangers = 0;
  const server = new ssh2.Server({
    hostKeys: [hostKey.privateKey],
    ident: 'Orrery',
    algorithms: { cipher: [...CIPHERS] },
    keepaliveInterval: KEEP_ALIVE_MS,
    keepaliveCountMax: KEEP_ALIVES_MISSED_MAX,
  });
  server.on('error', (err: Error) => gateway.logger.error({ err }, 'the SSH server failed'));
  server.on('connection', (client, { ip }) => {
    client.on('error', (err) => gateway.logger.debug({ err }, 'an SSH connection failed'));
    if (strangers >= STRANGERS_MAX || gateway.closing.aborted) return void client.end();
    strangers += 1;
    const login = new Login(gateway, { client, address: ip, settings });
    const known = receive(gateway, { client, login, logins, settings });
    void known.finally(() => {
      strangers -= 1;
    });
    return undefined;
  });
  using told = new DisposableStack();
  told.use(gateway.feed.onCommit('user', (commit) => tell(logins, commit)));
  told.use(gateway.feed.onCommit('session', (commit) => tell(logins, commit)));
  server.listen(settings.port, settings.host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? settings.port) : settings.port;
  const listening = told.move();
  gateway.logger.info({ host: settings.host, port }, 'listening for SSH');
  return {
    access: {
      host: settings.publicHost,
      port: settings.publicPort ?? port,
      hostKeys: [hostKey.publicKey],
    },
    async close() {
      listening.dispose();
      await close(gateway, server, logins);
    },
  };
}

function tell(logins: ReadonlySet<Login>, commit: RecordedCommit): void {
  for (const login of logins) login.heed(commit);
}

async function close(
  { clock }: Gateway,
  server: Server,
  logins: ReadonlySet<Login>,
): Promise<void> {
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  for (const login of logins) login.end('the gateway closes');
  const late = new AbortController();
  await Promise.race([closed, clock.sleep(CLOSE_MS_MAX, late.signal)]);
  late.abort();
}

/** Resolves when somebody is signed in, or the connection is gone. */
function receive(
  gateway: Gateway,
  parts: {
    readonly client: Connection;
    readonly login: Login;
    readonly logins: Set<Login>;
    readonly settings: SshSettings;
  },
): Promise<void> {
  const { client, login, logins, settings } = parts;
  const known = Promise.withResolvers<void>();
  const decided = new AbortController();
  let attempts = 0;
  gateway.clock.sleep(SIGN_IN_MS_MAX, decided.signal).then(
    () => client.end(),
    () => undefined,
  );
  client.once('close', () => {
    decided.abort(new Error('the connection is closed'));
    logins.delete(login);
    known.resolve();
  });
  client.once('ready', () => {
    decided.abort(new Error('somebody is signed in'));
    known.resolve();
    serveConnection(gateway, client, login);
  });
  client.on('authentication', (attempt: AuthContext) => {
    if (attempt.method !== 'publickey') return attempt.reject(['publickey']);
    attempts += 1;
    if (attempts > ATTEMPTS_MAX * 2) return void client.end();
    const refuse = (): void => {
      logins.delete(login);
      attempt.reject(['publickey']);
    };
    const decide = async (): Promise<void> => {
      const outcome = await signIn(gateway, attempt, decided.signal);
      if (outcome === 'key-known') return attempt.accept();
      if (outcome === 'refused') return refuse();
      const ofUser = [...logins].filter(({ userId }) => userId === outcome.caller.userId);
      if (ofUser.length >= settings.connectionsPerUserMax) return refuse();
      // From here on it is ended by what is told of its user and its session.
      logins.add(login);
      await login.open(outcome);
      // What was taken away since it was looked up was told to nobody.
      if (!(await isStillIn(gateway, outcome, decided.signal))) return refuse();
      attempt.accept();
    };
    decide().catch((err: unknown) => {
      if (!decided.signal.aborted) gateway.logger.info({ err }, 'nobody was let in over SSH');
      refuse();
    });
    return undefined;
  });
  return known.promise;
}
