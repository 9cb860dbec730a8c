import type { Duplex } from 'node:stream';
import { OrreryError } from '@orrery/bus';
import type { ServerChannel } from 'ssh2';
import type { Gateway } from '../gateway.ts';
import { noteUse } from '../inside/note-use.ts';
import { openTcp } from '../inside/open-tcp.ts';
import type { Login } from './login.ts';

const LOOPBACK = /^(localhost|127(?:\.\d{1,3}){3}|::1|0\.0\.0\.0|::)$/;

/** A channel to a port of the kernel itself; nowhere else is anybody led from here. */
export async function forwardTcp(
  gateway: Gateway,
  login: Login,
  { host, port }: { readonly host: string; readonly port: number },
  answer: { readonly accept: () => ServerChannel; readonly reject: () => void },
): Promise<void> {
  const { kernel, hostnames } = login.who;
  const isThere = LOOPBACK.test(host) || hostnames.includes(host);
  if (!isThere || port < 1) return answer.reject();
  let stream: Duplex;
  try {
    if (login.isNew(port)) await noteUse(gateway, login.visitor, { kind: 'port', port });
    stream = await openTcp(gateway, kernel, port, login.closed);
  } catch (err) {
    if (!(err instanceof OrreryError)) gateway.logger.error({ err }, 'a forwarded port failed');
    return answer.reject();
  }
  const channel = answer.accept();
  const leave = (): void => {
    stream.destroy();
    channel.close();
  };
  stream.on('error', leave);
  channel.on('error', leave);
  channel.on('data', () => login.touch());
  stream.on('data', () => login.touch());
  // Each direction ends by itself, and waits for its reader.
  channel.pipe(stream);
  stream.pipe(channel);
  channel.once('close', () => stream.destroy());
  return undefined;
}
