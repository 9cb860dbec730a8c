import { connect } from 'node:net';

const ANSWER_WITHIN_MS = 1_000;

export interface NatsPlace {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly storeDirectory: string;
}

/** Configuration text of a single server whose acknowledgement means that the bytes are on the disk. */
export function natsConfiguration({ port, user, password, storeDirectory }: NatsPlace): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    `authorization { user: ${quote(user)}, password: ${quote(password)} }`,
    `jetstream { store_dir: ${quote(storeDirectory)}, sync_interval: always }`,
    'max_payload: 1MB',
    '',
  ].join('\n');
}

/** Whether the server on this port takes clients: it greets with INFO once JetStream has recovered. */
export function isNatsReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', () => finish(true));
    socket.once('error', () => finish(false));
    socket.setTimeout(ANSWER_WITHIN_MS, () => finish(false));
  });
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
